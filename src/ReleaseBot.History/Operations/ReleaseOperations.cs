using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What came of an operator's wish.</summary>
public enum OperationOutcome
{
    Done,
    NotFound,
    /// <summary>The release's status forbids it.</summary>
    Forbidden,
}

/// <summary>What operators, and the reconciler, do to releases.</summary>
public sealed class ReleaseOperations(HistoryDatabase database, HistorySignals signals)
{
    /// <summary>How long a worker may take to look at what the registries hold of a canceled release. Who asks again after that has it ended without a look.</summary>
    private static readonly TimeSpan LookPatience = TimeSpan.FromSeconds(30);

    /// <summary>Makes a release that no hook announced, or has an earlier one of the same ref and object judged again. An existing release that may not be retried is returned as it is.</summary>
    public Task<(Guid ReleaseId, bool IsNew)> CreateAsync(NewRelease release, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var standing = await ReleaseStanding.OfAsync(context, release, token);
                if (standing.Id is { } id)
                {
                    return (id, standing.IsJudgedAgain
                        && await ReleaseStanding.JudgeAgainAsync(context, id, withSuperseded: standing.Status == ReleaseStatus.Superseded, now, token));
                }

                if (!await context.Projects.AnyAsync(project => project.Id == release.ProjectId, token))
                {
                    context.Projects.Add(new Project { Id = release.ProjectId, Path = release.ProjectPath, Url = release.ProjectUrl, FirstSeenAt = now });
                }

                var row = NewRow(database.NewId(now), release, standing.Key, now);
                context.Releases.Add(row);
                await context.SaveChangesAsync(token);
                return (row.Id, true);
            },
            cancellationToken);

    /// <summary>From failed, rejected or canceled: the next attempt.</summary>
    public Task<OperationOutcome> RetryAsync(Guid id, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                if (await ReleaseStanding.JudgeAgainAsync(context, id, withSuperseded: false, now, token))
                {
                    return OperationOutcome.Done;
                }

                return await context.Releases.AnyAsync(row => row.Id == id, token) ? OperationOutcome.Forbidden : OperationOutcome.NotFound;
            },
            cancellationToken);

    /// <summary>
    /// Until published. A running release is told to end, and its worker ends it. What nobody runs ends here and now, unless an answer to a put of it was lost:
    /// then the next free worker asks the registries what they hold, and ends it.
    /// </summary>
    public async Task<OperationOutcome> CancelAsync(Guid id, string by, CancellationToken cancellationToken)
    {
        var outcome = await database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.LockedAsync(context, id, token);
                if (release is null)
                {
                    return OperationOutcome.NotFound;
                }

                if (release.Status.IsFinal())
                {
                    return OperationOutcome.Forbidden;
                }

                var isHeld = release.Status is ReleaseStatus.Building or ReleaseStatus.Pushing && release.LeaseUntil >= now;
                IReadOnlyList<ReleaseImage> unknown = isHeld || release.Status == ReleaseStatus.Verifying ? [] : await PossiblePuts.OfAsync(context, release, token);
                var isOverdue = release.CancelRequestedAt + LookPatience < now;
                if (isHeld || unknown.Count > 0 && !isOverdue)
                {
                    await AskForEndAsync(context, release, by, isHeld, now, token);
                    return OperationOutcome.Done;
                }

                var reason = new Reason(ReasonCode.Canceled, release is { CancelRequestedAt: not null, ReasonMessage: { } asked } ? asked : CanceledBy(by));
                if (unknown.Count > 0)
                {
                    await TellUnknownAsync(context, release, unknown, now, token);
                    reason = reason with { Message = $"{reason.Message} What was pushed already stays. No worker has looked at what the registries hold; see the images." };
                }

                await StageWrites.EndAllAsync(context, release, StageStatus.Canceled, now, token);
                await ReleaseEnding.ApplyAsync(context, release, ReleaseStatus.Canceled, reason, [], now, token);
                return OperationOutcome.Done;
            },
            cancellationToken);
        signals.RaiseCancelRequested(id);
        return outcome;
    }

    private async Task AskForEndAsync(HistoryContext context, Release release, string by, bool isHeld, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (release.CancelRequestedAt is not null)
        {
            return;
        }

        (release.CancelRequestedAt, release.ReasonCode, release.ReasonMessage) = (now, ReasonCode.Canceled, CanceledBy(by));
        if (!isHeld)
        {
            (release.NotBefore, release.DispatchedAt) = (now, null);
        }

        await context.SaveChangesAsync(cancellationToken);
        await (isHeld ? signals.SendCancelRequestedAsync(context, release.Id, cancellationToken) : signals.SendQueuedAsync(context, cancellationToken));
    }

    private static async Task TellUnknownAsync(
        HistoryContext context, Release release, IReadOnlyList<ReleaseImage> unknown, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var image in unknown)
        {
            await RunLedger.WriteImageAsync(
                context, release, image.Ordinal, ImageStatus.Pending, null, PossiblePuts.NotKnown("no worker has asked its registry"), now, cancellationToken);
        }
    }

    private static string CanceledBy(string by) => $"Canceled by {by}.";

    private static Release NewRow(Guid id, NewRelease release, string key, DateTimeOffset now) => new()
    {
        Id = id,
        Key = key,
        ProjectId = release.ProjectId,
        ProjectPath = release.ProjectPath,
        ProjectUrl = release.ProjectUrl,
        RefKind = release.Ref.Kind,
        RefName = release.Ref.Name,
        Target = release.Target.Value,
        TriggerKind = release.Trigger,
        TriggerUser = release.User,
        Status = ReleaseStatus.Verifying,
        NotBefore = now,
        CreatedAt = now,
    };
}
