using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Ends a release in one transaction with everything that its end means: locks, owners of tags, what is to be told.</summary>
internal static class ReleaseEnding
{
    /// <param name="release">Tracked by <paramref name="context"/>, its fence already checked.</param>
    /// <param name="tellings">Who is to be told of what.</param>
    public static async Task ApplyAsync(
        HistoryContext context, Release release, ReleaseStatus status, Reason? reason, IReadOnlyList<NotifyRule> tellings, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var project = await context.Projects.AsTracking().SingleOrDefaultAsync(row => row.Id == release.ProjectId, cancellationToken);
        var isRecovery = status == ReleaseStatus.Published
            && (release.PreviousStatus is ReleaseStatus.Failed or ReleaseStatus.Rejected || project?.LastStatus == ReleaseStatus.Failed);
        release.Status = status;
        release.ReasonCode = reason?.Code;
        release.ReasonMessage = reason?.Message;
        release.FinishedAt = now;
        release.LeaseUntil = null;
        release.Owner = null;
        release.WaitingSince = null;
        release.CancelRequestedAt = null;
        release.Fence++;
        if (project is not null && status is (ReleaseStatus.Published or ReleaseStatus.Failed))
        {
            project.LastStatus = status;
        }

        await context.ResourceLocks.Where(held => held.ReleaseId == release.Id).ExecuteDeleteAsync(cancellationToken);
        if (status == ReleaseStatus.Published)
        {
            // A name that an earlier attempt took and never put, since its registry is in the rule no more, is not published by this one; nor is another's image.
            await context.TagOwners.Where(owner => owner.ReleaseId == release.Id && owner.Digest != null && owner.Digest == release.Digest)
                .ExecuteUpdateAsync(
                    owner => owner.SetProperty(row => row.IsPublished, true).SetProperty(row => row.NextCheckAt, (DateTimeOffset?)(now + DriftLedger.FirstCheck)), cancellationToken);
            await context.TagOwners
                .Where(owner => owner.ReleaseId == release.Id && owner.Kind != ImageTagKind.Version
                    && context.OpenPuts.Any(put => put.Host == owner.Host && put.Repository == owner.Repository && put.Tag == owner.Tag))
                .ExecuteUpdateAsync(owner => owner.SetProperty(row => row.NextCheckAt, (DateTimeOffset?)(now + OpenPuts.Look)), cancellationToken);
            await context.RepositoryOwners
                .Where(owner => owner.ReleaseId == release.Id
                    && context.TagOwners.Any(tag => tag.Host == owner.Host && tag.Repository == owner.Repository && tag.ReleaseId == release.Id && tag.Digest != null))
                .ExecuteUpdateAsync(owner => owner.SetProperty(row => row.IsPublished, true), cancellationToken);
        }

        var isTold = Tell(context, release, status, isRecovery, tellings, now);
        await StartNotifyAsync(context, release, isTold, now, cancellationToken);
        await context.SaveChangesAsync(cancellationToken);
    }

    /// <summary>Telling begins with the release's end. It is over when the last message is settled (<see cref="OutboxStore"/>), or at once where nobody is to be told.</summary>
    private static async Task StartNotifyAsync(HistoryContext context, Release release, bool isTold, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var stage = await StageWrites.StartAsync(context, release, StageName.Notify, now, cancellationToken);
        if (!isTold)
        {
            stage.Status = StageStatus.Skipped;
            stage.FinishedAt = now;
        }
    }

    /// <returns>Whether anybody is told.</returns>
    private static bool Tell(
        HistoryContext context, Release release, ReleaseStatus status, bool isRecovery, IReadOnlyList<NotifyRule> tellings, DateTimeOffset now)
    {
        var isTold = false;
        // A channel may be named by several rules, and is told once all the same.
        foreach (var channel in tellings.GroupBy(telling => telling.Channel, StringComparer.Ordinal))
        {
            if (OutcomeFor(status, isRecovery, channel.SelectMany(telling => telling.On).ToHashSet()) is { } outcome)
            {
                context.OutboxMessages.Add(OutboxMessage.Of(release, channel.Key, outcome, now));
                isTold = true;
            }
        }

        return isTold;
    }

    /// <summary>A recovery is told as such, or as a publication where only that is asked for; never as both.</summary>
    internal static Outcome? OutcomeFor(ReleaseStatus status, bool isRecovery, IReadOnlySet<Outcome> on) => status switch
    {
        ReleaseStatus.Published when isRecovery && on.Contains(Outcome.Recovered) => Outcome.Recovered,
        ReleaseStatus.Published when on.Contains(Outcome.Published) => Outcome.Published,
        ReleaseStatus.Failed when on.Contains(Outcome.Failed) => Outcome.Failed,
        ReleaseStatus.Rejected when on.Contains(Outcome.Rejected) => Outcome.Rejected,
        _ => null,
    };
}
