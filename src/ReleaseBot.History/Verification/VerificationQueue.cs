using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A release that waits to be asked about at GitLab, held under a lease.</summary>
/// <param name="Tries">Questions of this attempt that had no answer.</param>
/// <param name="AskedSince">When this attempt's first question was put.</param>
public sealed record VerificationJob(
    Guid ReleaseId, long Fence, long ProjectId, string ProjectPath, GitRef Ref, ObjectId Target, int Tries, DateTimeOffset AskedSince);

/// <summary>What GitLab and the rules say of a release that may go on.</summary>
public sealed record VerifiedRelease
{
    public required string ProjectPath { get; init; }
    public string? ProjectUrl { get; init; }
    public required VerifiedRef Ref { get; init; }
    public required ReleasePlan Plan { get; init; }
    public required OverwritePolicy Overwrite { get; init; }
    public required IReadOnlyList<NotifyRule> Tellings { get; init; }
}

/// <summary>Releases in status <c>verifying</c>: claimed, and then queued, rejected, superseded or put off.</summary>
public sealed class VerificationQueue(HistoryDatabase database, HistorySignals signals, SecretMask mask)
{
    /// <summary>Projects of one look. All that waits in them may go to others who claim at the same moment.</summary>
    private const int Candidates = 16;

    /// <summary>Looks in one claim, each at as many projects more.</summary>
    private const int Looks = 4;

    private const string IsDue = $"r.{HistoryContext.IsVerifying} AND {HistoryContext.IsFree}";

    // The project that was asked about longest ago goes first, so that a burst in one keeps no other waiting. Of each the first that is due: of a line of
    // a hundred thousand that are due one is read. (Those that were put off before it are.)
    private static readonly string TurnSql =
        $$"""
        WITH RECURSIVE {{WaitingProjects.Sql($"r.{HistoryContext.IsVerifying}")}},
        due (project_id, release_id) AS MATERIALIZED (
          SELECT waiting.project_id, (SELECT r.id FROM releases r WHERE r.project_id = waiting.project_id AND {{IsDue}} ORDER BY r.id LIMIT 1)
            FROM waiting WHERE waiting.project_id IS NOT NULL)
        SELECT due.project_id AS "Value" FROM due LEFT JOIN projects p ON p.id = due.project_id
         WHERE due.release_id IS NOT NULL
         ORDER BY p.last_verified_at IS NOT NULL, p.last_verified_at, due.release_id LIMIT {1}
        """;

    // Within a project, the order of arrival.
    private const string ClaimSql = $"SELECT r.* FROM releases r WHERE r.project_id = {{1}} AND {IsDue} ORDER BY r.id LIMIT 1";

    // Locked, newest first as everybody locks them: a worker may be claiming one of them at this moment, and that one is not to be ended.
    private const string OlderOfBranchSql =
        """
        SELECT * FROM releases
         WHERE project_id = {0} AND ref_name = {1} AND id < {2} AND ref_kind = 'branch'
           AND (status IN ('verifying', 'queued') OR status IN ('building', 'pushing') AND (lease_until IS NULL OR lease_until < {3}))
         ORDER BY id DESC
        """;

    public async Task<VerificationJob?> ClaimAsync(string owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        var taken = await database.TakeAsync<TakenVerification>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                if (await NextAsync(context, now, token) is not { } release)
                {
                    return null;
                }

                release.Owner = owner;
                release.LeaseUntil = now + lease;
                release.Fence++;
                var stage = await StageWrites.StartAsync(context, release, StageName.Verify, now, token);
                await context.SaveChangesAsync(token);
                await context.Projects.Where(project => project.Id == release.ProjectId)
                    .ExecuteUpdateAsync(project => project.SetProperty(row => row.LastVerifiedAt, now), token);
                return new TakenVerification(release, stage.StartedAt);
            },
            (context, taken, token) => RunQueue.IsHeldAsync(context, taken.Release, token),
            cancellationToken);
        return taken is ({ } release, var askedSince)
            ? new VerificationJob(release.Id, release.Fence, release.ProjectId, release.ProjectPath, release.Ref, ObjectId.Parse(release.Target), release.Tries, askedSince)
            : null;
    }

    /// <summary>Keeps a release held while it is asked about.</summary>
    /// <returns>False once another has it, or it has ended.</returns>
    public async Task<bool> RenewAsync(VerificationJob job, TimeSpan lease, CancellationToken cancellationToken) =>
        await database.WriteAsync(
            async (context, token) =>
            {
                var until = await database.NowAsync(context, token) + lease;
                return await Held(context, job).ExecuteUpdateAsync(row => row.SetProperty(r => r.LeaseUntil, until), token);
            },
            cancellationToken) == 1;

    /// <summary>Gives a release back without an answer, to be asked about at once by whoever is there: at a shutdown.</summary>
    public Task HandBackAsync(VerificationJob job, CancellationToken cancellationToken) =>
        database.WriteAsync(
            (context, token) => Held(context, job).ExecuteUpdateAsync(
                row => row.SetProperty(r => r.LeaseUntil, (DateTimeOffset?)null).SetProperty(r => r.Owner, (string?)null), token),
            cancellationToken);

    /// <summary>Queues the release, unless history says that a tag or repository of its plan is someone else's: then it is rejected.</summary>
    /// <returns>Why it was rejected or superseded, or null if it is queued.</returns>
    public Task<Reason?> QueueAsync(VerificationJob job, VerifiedRelease verified, CancellationToken cancellationToken) =>
        database.WriteAsync<Reason?>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, job.ReleaseId, job.Fence, token);
                Describe(release, verified);
                if (await ReleaseStanding.AlreadyAtAsync(context, release, token) is { } newest)
                {
                    var reason = new Reason(ReasonCode.Superseded, $"{release.Ref.FullName} is at {release.Commit?[..8]} by release {newest} already.");
                    await StageWrites.EndAsync(context, release, StageName.Verify, StageStatus.Failed, now, token);
                    await ReleaseEnding.ApplyAsync(context, release, ReleaseStatus.Superseded, reason, [], now, token);
                    return reason;
                }

                await context.ReleaseImages.Where(image => image.ReleaseId == release.Id).ExecuteDeleteAsync(token);
                List<ReleaseImage> images = [.. verified.Plan.Images.Select((image, ordinal) => ReleaseImage.Of(release.Id, ordinal, image))];
                context.ReleaseImages.AddRange(images);
                if (await TagConflicts.FindAsync(context, release, images, verified.Overwrite, token) is var (refused, conflict))
                {
                    await TagConflicts.RecordAsync(database, context, release, refused, null, conflict, now, token);
                    // The others were not tried, and stay pending.
                    (refused.Status, refused.FinishedAt, refused.ReasonCode, refused.ReasonMessage) = (ImageStatus.Failed, now, conflict.Code, conflict.Message);
                    await StageWrites.EndAsync(context, release, StageName.Verify, StageStatus.Failed, now, token);
                    await ReleaseEnding.ApplyAsync(context, release, ReleaseStatus.Rejected, conflict, verified.Tellings, now, token);
                    return conflict;
                }

                release.Status = ReleaseStatus.Queued;
                release.QueuedAt = now;
                // Its message is this process's to send.
                release.DispatchLeaseUntil = now + DispatchQueue.Lease;
                release.NotBefore = now;
                release.Tries = 0;
                release.Owner = null;
                release.LeaseUntil = null;
                release.ReasonCode = null;
                release.ReasonMessage = null;
                await StageWrites.EndAsync(context, release, StageName.Verify, StageStatus.Done, now, token);
                await StageWrites.StartAsync(context, release, StageName.Queue, now, token);
                await context.SaveChangesAsync(token);
                await SupersedeOlderAsync(context, release, now, token);
                await signals.SendQueuedAsync(context, token);
                return null;
            },
            cancellationToken);

    /// <summary>Ends the release as rejected, or as superseded where a branch has moved on.</summary>
    public Task RejectAsync(VerificationJob job, ReleaseStatus status, Reason reason, IReadOnlyList<NotifyRule> tellings, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, job.ReleaseId, job.Fence, token);
                await StageWrites.EndAsync(context, release, StageName.Verify, StageStatus.Failed, now, token);
                await ReleaseEnding.ApplyAsync(context, release, status, mask.Apply(reason), tellings, now, token);
                return true;
            },
            cancellationToken);

    /// <summary>Puts the question off: GitLab is away, or does not know the ref yet.</summary>
    public Task PostponeAsync(VerificationJob job, Reason reason, TimeSpan wait, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, job.ReleaseId, job.Fence, token);
                release.Owner = null;
                release.LeaseUntil = null;
                release.NotBefore = now + wait;
                release.Tries++;
                release.ReasonCode = reason.Code;
                release.ReasonMessage = mask.Apply(reason).Message;
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    private async Task<Release?> NextAsync(HistoryContext context, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var claim = database.Claiming(ClaimSql, "r");
        var moment = now.ForSql(database);
        HashSet<long> tried = [];
        for (var look = 1; look <= Looks; look++)
        {
            var before = tried.Count;
            foreach (var project in (await context.Database.SqlQueryRaw<long>(TurnSql, moment, look * Candidates).ToListAsync(cancellationToken)).Where(tried.Add))
            {
                if (await context.Releases.FromSqlRaw(claim, moment, project).AsTracking().ToListAsync(cancellationToken) is [var release])
                {
                    return release;
                }
            }

            if (tried.Count - before < Candidates)
            {
                break;
            }
        }

        return null;
    }

    private static IQueryable<Release> Held(HistoryContext context, VerificationJob job) =>
        context.Releases.Where(row => row.Id == job.ReleaseId && row.Fence == job.Fence && row.Status == ReleaseStatus.Verifying);

    private static void Describe(Release release, VerifiedRelease verified)
    {
        release.ProjectPath = verified.ProjectPath;
        release.ProjectUrl = verified.ProjectUrl ?? release.ProjectUrl;
        release.IsProtected = verified.Ref.IsProtected;
        release.Commit = verified.Ref.Commit.Value;
        release.CommittedAt = HistoryDatabase.Truncate(verified.Ref.CommittedAt);
        release.Version = verified.Plan.Version?.ToString();
    }

    /// <summary>A branch follows its head: what waits for an older commit of it need not start, and what waits for a registry need not go on.</summary>
    private async Task SupersedeOlderAsync(HistoryContext context, Release release, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (release.RefKind != RefKind.Branch)
        {
            return;
        }

        var older = await context.Releases
            .FromSqlRaw(database.Locking(OlderOfBranchSql), release.ProjectId, release.RefName, release.Id, now.ForSql(database)).AsTracking().ToListAsync(cancellationToken);
        foreach (var row in older)
        {
            var hasStarted = row.Status is ReleaseStatus.Building or ReleaseStatus.Pushing;
            var reason = new Reason(
                ReasonCode.Superseded, $"{release.Ref.FullName} went on to {release.Commit?[..8]} {(hasStarted ? "while this waited" : "before this started")}.");
            await StageWrites.EndAllAsync(context, row, hasStarted ? StageStatus.Canceled : StageStatus.Skipped, now, cancellationToken);
            await ReleaseEnding.ApplyAsync(context, row, ReleaseStatus.Superseded, reason, [], now, cancellationToken);
        }
    }

    private sealed record TakenVerification(Release Release, DateTimeOffset AskedSince);
}
