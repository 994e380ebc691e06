using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A release that a worker holds: the row as it was claimed, and the fence that every write must carry.</summary>
/// <param name="Engine">The worker's engine, by the id it gives itself; null where it did not answer.</param>
/// <param name="TakenOverFrom">The worker that held it until its lease ran out; null where none did.</param>
public sealed record ClaimedRun(Release Release, long Fence, string? Engine, string? TakenOverFrom = null);

public enum LeaseState
{
    Held,
    /// <summary>Held, and somebody asked for it to end.</summary>
    CancelRequested,
    Lost,
}

/// <summary>The releases that are ready to run, and the leases under which they do. The row is the job; nothing else needs to be known to claim one.</summary>
public sealed class RunQueue(HistoryDatabase database, HistorySignals signals)
{
    internal const string IsReady = $"r.{HistoryContext.IsRunnable} AND {HistoryContext.IsFree}";

    private const string TakeSql = $"SELECT * FROM releases r WHERE r.id = {{1}} AND {IsReady}";

    /// <summary>
    /// How long a queued release waits for an older one of its project that GitLab is still asked about, so that they run in the order in which they
    /// came. Longer than GitLab takes to answer, and no longer: the older one may wait for hours.
    /// </summary>
    public static readonly TimeSpan OrderKept = TimeSpan.FromSeconds(10);

    /// <summary>Takes the next release that is ready and whose repositories no running release uses; null if there is none, or the worker is paused.</summary>
    /// <param name="engine">The worker's engine, by the id it gives itself: releases whose layers it has come first. Null: it does not answer.</param>
    public Task<ClaimedRun?> ClaimAsync(string owner, string? engine, TimeSpan lease, CancellationToken cancellationToken) =>
        database.TakeAsync<ClaimedRun>(
            async (context, token) =>
            {
                // A pause waits for a claim under way: once it is answered, nothing more is taken. Locked before all else, as in the worker's own showing.
                var own = await context.WorkerHeartbeats.FromSqlRaw(database.Keeping(WorkerRegister.RowSql), owner).AsNoTracking().SingleOrDefaultAsync(token);
                if (own is { PausedAt: not null })
                {
                    // It may not have heard of it yet: one that comes back under its name claims before it has shown itself.
                    return null;
                }

                var now = await database.NowAsync(context, token);
                var candidates = await RunCandidates.ForAsync(database, context, owner, engine, own is { FullSince: not null }, now, token);
                await foreach (var id in candidates.InTurnAsync(token))
                {
                    if (await TryTakeAsync(context, id, owner, engine, lease, now, candidates.Lines, token) is { } run)
                    {
                        return run;
                    }
                }

                return null;
            },
            (context, run, token) => IsHeldAsync(context, run.Release, token),
            cancellationToken);

    /// <summary>Keeps a release held, if its lease has not ended. The repositories' locks live as long as the lease.</summary>
    public Task<LeaseState> RenewAsync(ClaimedRun run, TimeSpan lease, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var until = now + lease;
                var (id, fence) = (run.Release.Id, run.Fence);
                // A lease that has ended is lost even if nobody has claimed the release since: its repositories may be another's by now.
                var renewed = await context.Releases.Where(row => row.Id == id && row.Fence == fence && row.LeaseUntil >= now)
                    .ExecuteUpdateAsync(row => row.SetProperty(r => r.LeaseUntil, until), token);
                if (renewed == 0)
                {
                    return LeaseState.Lost;
                }

                await context.ResourceLocks.Where(held => held.ReleaseId == id && held.Fence == fence)
                    .ExecuteUpdateAsync(held => held.SetProperty(row => row.Until, until), token);
                return await context.Releases.AnyAsync(row => row.Id == id && row.CancelRequestedAt != null, token)
                    ? LeaseState.CancelRequested
                    : LeaseState.Held;
            },
            cancellationToken);

    /// <summary>Whether the release is still held, without renewing anything.</summary>
    public Task<LeaseState> StateAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var (id, fence) = (run.Release.Id, run.Fence);
                var rows = await context.Releases.Where(row => row.Id == id && row.Fence == fence)
                    .Select(row => row.CancelRequestedAt).ToListAsync(token);
                return rows switch
                {
                    [] => LeaseState.Lost,
                    [null] => LeaseState.Held,
                    _ => LeaseState.CancelRequested,
                };
            },
            cancellationToken);

    /// <summary>Who asked for the end of a running release, in words.</summary>
    public Task<Reason> CancellationAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var id = run.Release.Id;
                var by = await context.Releases.Where(row => row.Id == id && row.ReasonCode == ReasonCode.Canceled).Select(row => row.ReasonMessage).SingleOrDefaultAsync(token);
                return new Reason(ReasonCode.Canceled, $"{by ?? "Canceled by an operator."} What was pushed already stays.");
            },
            cancellationToken);

    /// <summary>Gives a release back unfinished, to be claimed at once by whoever is free: at a shutdown.</summary>
    public Task HandBackAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var (id, fence) = (run.Release.Id, run.Fence);
                await context.ResourceLocks.Where(held => held.ReleaseId == id && held.Fence == fence).ExecuteDeleteAsync(token);
                await signals.SendQueuedAsync(context, token);
                return await context.Releases.Where(row => row.Id == id && row.Fence == fence).ExecuteUpdateAsync(
                    row => row.SetProperty(r => r.LeaseUntil, (DateTimeOffset?)null).SetProperty(r => r.Owner, (string?)null)
                        .SetProperty(r => r.DispatchedAt, (DateTimeOffset?)null),
                    token);
            },
            cancellationToken);

    /// <summary>Takes back at once whatever a dead owner held. Only for a process that knows itself alone with its database.</summary>
    public Task<int> TakeBackAllAsync(CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                await context.ResourceLocks.ExecuteDeleteAsync(token);
                await context.OutboxMessages.Where(row => row.LeaseUntil != null)
                    .ExecuteUpdateAsync(row => row.SetProperty(r => r.LeaseUntil, (DateTimeOffset?)null), token);
                await context.TagChanges.Where(row => row.LeaseUntil != null)
                    .ExecuteUpdateAsync(row => row.SetProperty(r => r.LeaseUntil, (DateTimeOffset?)null), token);
                // A lease that has run out, and not none: whoever goes on with the release then knows that another began it.
                var now = database.Now();
                return await context.Releases
                    .Where(row => row.LeaseUntil != null && row.FinishedAt == null)
                    .ExecuteUpdateAsync(
                        row => row.SetProperty(r => r.LeaseUntil, now).SetProperty(r => r.DispatchedAt, (DateTimeOffset?)null), token);
            },
            cancellationToken);

    /// <summary>Takes one release with all its repositories, or nothing at all.</summary>
    /// <param name="lines">Where it stands in line behind an older one, the repository is added here.</param>
    private async Task<ClaimedRun?> TryTakeAsync(
        HistoryContext context, Guid id, string owner, string? engine, TimeSpan lease, DateTimeOffset now, HashSet<string> lines, CancellationToken cancellationToken)
    {
        const string Savepoint = "candidate";
        var transaction = context.Database.CurrentTransaction!;
        await transaction.CreateSavepointAsync(Savepoint, cancellationToken);
        var rows = await context.Releases.FromSqlRaw(database.Claiming(TakeSql, "r"), now.ForSql(database), id).AsTracking().ToListAsync(cancellationToken);
        if (rows is [var release])
        {
            var images = await context.ReleaseImages.AsNoTracking().Where(image => image.ReleaseId == id)
                .OrderBy(image => image.Ordinal).ToListAsync(cancellationToken);
            if (await ArrivalOrder.FindOlderAsync(database, context, id, images, now, cancellationToken) is { } line)
            {
                lines.Add(line);
            }
            else if (await ResourceLocking.TakeRepositoriesAsync(
                database, context, images, id, release.Fence + 1, now + lease, now, cancellationToken))
            {
                await ForgetReasonsAsync(context, release, images, cancellationToken);
                // Whoever lets go of a release ends its lease.
                var before = release.LeaseUntil is null ? null : release.Owner;
                await StartAsync(context, release, owner, engine, now, lease, cancellationToken);
                release.Images.AddRange(images);
                context.ChangeTracker.Clear();
                return new ClaimedRun(release, release.Fence, engine, before);
            }
        }

        await transaction.RollbackToSavepointAsync(Savepoint, cancellationToken);
        context.ChangeTracker.Clear();
        return null;
    }

    /// <summary>Another slot of the same worker may have come to the same fence, and not to the same lease.</summary>
    internal static Task<bool> IsHeldAsync(HistoryContext context, Release taken, CancellationToken cancellationToken)
    {
        var (id, fence, owner, until) = (taken.Id, taken.Fence, taken.Owner, taken.LeaseUntil);
        return context.Releases.AnyAsync(row => row.Id == id && row.Fence == fence && row.Owner == owner && row.LeaseUntil == until, cancellationToken);
    }

    /// <summary>What an image waited for in the last attempt need not be what it waits for in this one.</summary>
    private static async Task ForgetReasonsAsync(HistoryContext context, Release release, IReadOnlyList<ReleaseImage> images, CancellationToken cancellationToken)
    {
        if (images.Any(image => image is { Status: ImageStatus.Pending, ReasonCode: not null }))
        {
            await context.ReleaseImages.Where(image => image.ReleaseId == release.Id && image.Status == ImageStatus.Pending).ExecuteUpdateAsync(
                image => image.SetProperty(row => row.ReasonCode, (ReasonCode?)null).SetProperty(row => row.ReasonMessage, (string?)null), cancellationToken);
        }
    }

    private static async Task StartAsync(
        HistoryContext context, Release release, string owner, string? engine, DateTimeOffset now, TimeSpan lease, CancellationToken cancellationToken)
    {
        release.Owner = owner;
        release.LeaseUntil = now + lease;
        release.Fence++;
        release.StartedAt ??= now;
        if (release.Status == ReleaseStatus.Queued)
        {
            release.Status = ReleaseStatus.Building;
            release.StartedAt = now;
        }

        await StageWrites.EndAsync(context, release, StageName.Queue, StageStatus.Done, now, cancellationToken);
        await context.SaveChangesAsync(cancellationToken);
        await context.Projects.Where(project => project.Id == release.ProjectId)
            .ExecuteUpdateAsync(
                project => project.SetProperty(row => row.LastStartedAt, now).SetProperty(row => row.LastEngine, row => engine ?? row.LastEngine), cancellationToken);
    }
}
