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

    /// <summary>Until published. What nobody runs ends here and now; a running release is told to end, and its worker ends it.</summary>
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

                if (release.Status is ReleaseStatus.Building or ReleaseStatus.Pushing && release.LeaseUntil >= now)
                {
                    if (release.CancelRequestedAt is null)
                    {
                        (release.CancelRequestedAt, release.ReasonCode, release.ReasonMessage) = (now, ReasonCode.Canceled, CanceledBy(by));
                    }

                    await context.SaveChangesAsync(token);
                    await signals.SendCancelRequestedAsync(context, id, token);
                    return OperationOutcome.Done;
                }

                await StageWrites.EndAllAsync(context, release, StageStatus.Failed, now, token);
                await ReleaseEnding.ApplyAsync(context, release, ReleaseStatus.Canceled, new Reason(ReasonCode.Canceled, CanceledBy(by)), [], now, token);
                return OperationOutcome.Done;
            },
            cancellationToken);
        signals.RaiseCancelRequested(id);
        return outcome;
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
