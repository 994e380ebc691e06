using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>The release that an event is about: one that is there, or one that is to be made.</summary>
/// <param name="Id">Null where none is there yet.</param>
/// <param name="Status">Of the one that is there.</param>
/// <param name="Key">Of the one that is to be made.</param>
/// <param name="IsJudgedAgain">The one that is there ended so that the event has it judged again, as its next attempt.</param>
public sealed record ReleaseStanding(Guid? Id, ReleaseStatus? Status, string Key, bool IsJudgedAgain)
{
    /// <summary>Why nothing comes of the event; null where it makes a release, or has one judged again.</summary>
    public Reason? Duplicate => this is { Id: { } id, Status: { } status, IsJudgedAgain: false }
        ? new Reason(ReasonCode.AlreadyAccepted, $"Nothing more would be published: this ref at this object is a release already, {id}, which is {status.ToText()}.")
        : null;

    /// <summary>
    /// A branch may go from A to B and back any number of times, and GitLab names each of these pushes alike. An event whose release is known is a new push if
    /// the branch has been elsewhere since: then it is a release of its own, whose key names the one that it came after. GitLab is asked in any case,
    /// so a hook that is late only finds that the branch is elsewhere now.
    /// </summary>
    internal static async Task<ReleaseStanding> OfAsync(HistoryContext context, NewRelease release, CancellationToken cancellationToken)
    {
        if (await FindAsync(context, release.Key, cancellationToken) is not { } known)
        {
            return new ReleaseStanding(null, null, release.Key, false);
        }

        if (release.Ref.Kind == RefKind.Tag)
        {
            return Of(known, withSuperseded: false);
        }

        var newest = await NewestAsync(context, release.ProjectId, release.Ref.Name, Guid.Empty, cancellationToken);
        if (newest is not null && newest.Target == release.Target.Value)
        {
            return Of(ReleaseKey.IsReturnOf(newest.Key, release.Key) ? newest : known, withSuperseded: false);
        }

        if (newest is null || newest.Id < known.Id)
        {
            return Of(known, withSuperseded: true);
        }

        var key = ReleaseKey.OfReturn(release.Key, newest.Id);
        return await FindAsync(context, key, cancellationToken) is { } again ? Of(again, withSuperseded: true) : new ReleaseStanding(null, null, key, false);
    }

    /// <summary>
    /// Of a delivery that is known: one with an id of its own is about the release that it made, whatever came after; one without may be another push.
    /// </summary>
    /// <param name="made">The release that came of it.</param>
    internal static async Task<ReleaseStanding> OfResentAsync(HistoryContext context, NewDelivery delivery, Guid? made, CancellationToken cancellationToken) =>
        made is { } id && !delivery.Key.StartsWith(NewDelivery.ContentKey, StringComparison.Ordinal)
            && await context.Releases.Where(row => row.Id == id).Select(row => new Row(row.Id, row.Key, row.Target, row.Status)).SingleOrDefaultAsync(cancellationToken) is { } known
            ? Of(known, withSuperseded: false)
            : await OfAsync(context, delivery.Release!, cancellationToken);

    /// <summary>Whether a branch's newest release publishes this target already, or has: then a release that a late hook made has nothing to do.</summary>
    internal static async Task<Guid?> AlreadyAtAsync(HistoryContext context, Release release, CancellationToken cancellationToken) =>
        ReleaseKey.IsReturn(release.Key)
        && await NewestAsync(context, release.ProjectId, release.RefName, release.Id, cancellationToken) is { } newest && newest.Target == release.Target
        && newest.Status is ReleaseStatus.Queued or ReleaseStatus.Building or ReleaseStatus.Pushing or ReleaseStatus.Published
            ? newest.Id
            : null;

    /// <summary>Has a release judged again, as its next attempt, if it ended so that it may be.</summary>
    /// <param name="withSuperseded">Also where it was superseded.</param>
    internal static async Task<bool> JudgeAgainAsync(HistoryContext context, Guid id, bool withSuperseded, DateTimeOffset now, CancellationToken cancellationToken) =>
        await context.Releases
            .Where(row => row.Id == id && (row.Status == ReleaseStatus.Rejected || row.Status == ReleaseStatus.Failed || row.Status == ReleaseStatus.Canceled
                || withSuperseded && row.Status == ReleaseStatus.Superseded))
            .ExecuteUpdateAsync(
                row => row.SetProperty(r => r.PreviousStatus, r => r.Status)
                    .SetProperty(r => r.Status, ReleaseStatus.Verifying)
                    .SetProperty(r => r.Attempt, r => r.Attempt + 1)
                    .SetProperty(r => r.Fence, r => r.Fence + 1)
                    .SetProperty(r => r.ReasonCode, (ReasonCode?)null)
                    .SetProperty(r => r.ReasonMessage, (string?)null)
                    .SetProperty(r => r.Owner, (string?)null)
                    .SetProperty(r => r.LeaseUntil, (DateTimeOffset?)null)
                    .SetProperty(r => r.NotBefore, now)
                    .SetProperty(r => r.Tries, 0)
                    .SetProperty(r => r.WaitingSince, (DateTimeOffset?)null)
                    .SetProperty(r => r.RoomEngine, (string?)null)
                    .SetProperty(r => r.DispatchedAt, (DateTimeOffset?)null)
                    .SetProperty(r => r.DispatchLeaseUntil, (DateTimeOffset?)null)
                    .SetProperty(r => r.CancelRequestedAt, (DateTimeOffset?)null)
                    .SetProperty(r => r.QueuedAt, (DateTimeOffset?)null)
                    .SetProperty(r => r.FinishedAt, (DateTimeOffset?)null),
                cancellationToken) == 1;

    /// <summary>
    /// GitLab is being asked about a branch at this moment, and perhaps has answered before the push that the event tells of: the question is put anew.
    /// </summary>
    internal static Task AskAnewAsync(HistoryContext context, Guid id, DateTimeOffset now, CancellationToken cancellationToken) =>
        context.Releases.Where(row => row.Id == id && row.RefKind == RefKind.Branch && row.Status == ReleaseStatus.Verifying && row.LeaseUntil != null)
            .ExecuteUpdateAsync(
                row => row.SetProperty(r => r.Fence, r => r.Fence + 1)
                    .SetProperty(r => r.Owner, (string?)null)
                    .SetProperty(r => r.LeaseUntil, (DateTimeOffset?)null)
                    .SetProperty(r => r.NotBefore, now),
                cancellationToken);

    private static ReleaseStanding Of(Row row, bool withSuperseded) =>
        new(row.Id, row.Status, row.Key, row.Status.CanRetry() || withSuperseded && row.Status == ReleaseStatus.Superseded);

    private static Task<Row?> FindAsync(HistoryContext context, string key, CancellationToken cancellationToken) =>
        context.Releases.Where(row => row.Key == key).Select(row => new Row(row.Id, row.Key, row.Target, row.Status)).SingleOrDefaultAsync(cancellationToken);

    /// <summary>By the order of pushes, of those of which GitLab said that the branch was there.</summary>
    private static Task<Row?> NewestAsync(HistoryContext context, long projectId, string branch, Guid besides, CancellationToken cancellationToken) =>
        context.Releases
            .Where(row => row.ProjectId == projectId && row.RefName == branch && row.RefKind == RefKind.Branch && row.Id != besides
                && row.Status != ReleaseStatus.Verifying && row.Status != ReleaseStatus.Superseded && row.Status != ReleaseStatus.Rejected)
            .OrderByDescending(row => row.Id).Select(row => new Row(row.Id, row.Key, row.Target, row.Status)).FirstOrDefaultAsync(cancellationToken);

    private sealed record Row(Guid Id, string Key, string Target, ReleaseStatus Status);
}
