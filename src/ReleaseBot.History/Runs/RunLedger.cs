using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What a run writes down as it goes. Every write carries the run's fence and is refused once another has taken over (<see cref="FencedOffException"/>).</summary>
public sealed class RunLedger(HistoryDatabase database)
{
    /// <exception cref="CancelRequestedException">Nothing was begun.</exception>
    public Task StartStageAsync(ClaimedRun run, StageName stage, ReleaseStatus status, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            async (context, release, now, token) =>
            {
                CancelRequestedException.ThrowIfRequested(release);
                release.Status = status;
                if (status != ReleaseStatus.Pushing || release.WaitingSince is null)
                {
                    Explain(release, null);
                }

                await StageWrites.StartAsync(context, release, stage, now, token);
            },
            cancellationToken);

    public Task EndStageAsync(ClaimedRun run, StageName stage, StageStatus status, CancellationToken cancellationToken) =>
        ChangeAsync(run, (context, release, now, token) => StageWrites.EndAsync(context, release, stage, status, now, token), cancellationToken);

    /// <summary>The build has ended. Recorded before the first push, so that an image found in a registry can be told to be ours.</summary>
    public Task RecordBuiltAsync(ClaimedRun run, string imageId, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            async (context, release, _, token) =>
            {
                // Another build may get another digest: what an earlier attempt pushed is no longer what this one publishes.
                release.ImageId = imageId;
                release.Digest = null;
                var build = await context.ReleaseBuilds.AsTracking().SingleOrDefaultAsync(row => row.ReleaseId == release.Id && row.ImageId == imageId, token);
                if (build is null)
                {
                    build = new ReleaseBuild { ReleaseId = release.Id, ImageId = imageId };
                    context.ReleaseBuilds.Add(build);
                }

                build.Engine = run.Engine;
                await context.ReleaseImages.Where(image => image.ReleaseId == release.Id && image.Status != ImageStatus.Pending).ExecuteUpdateAsync(
                    image => image.SetProperty(row => row.Status, ImageStatus.Pending).SetProperty(row => row.Digest, (string?)null)
                        .SetProperty(row => row.FinishedAt, (DateTimeOffset?)null).SetProperty(row => row.ReasonCode, (ReasonCode?)null)
                        .SetProperty(row => row.ReasonMessage, (string?)null),
                    token);
            },
            cancellationToken);

    /// <summary>An image tag's end, or why it has none yet.</summary>
    public Task RecordImageAsync(ClaimedRun run, int ordinal, ImageStatus status, Digest? digest, Reason? reason, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            async (context, release, now, token) =>
            {
                var image = await context.ReleaseImages.AsTracking().SingleAsync(row => row.ReleaseId == release.Id && row.Ordinal == ordinal, token);
                image.Status = status;
                image.Digest = digest?.Value ?? image.Digest;
                image.FinishedAt = status == ImageStatus.Pending ? null : now;
                image.ReasonCode = reason?.Code;
                image.ReasonMessage = reason?.Message;
                if (status == ImageStatus.Pushed)
                {
                    release.Digest = digest?.Value;
                }
            },
            cancellationToken);

    /// <summary>Lets go of the release until a time: a registry is away. It holds no slot and no repository meanwhile.</summary>
    public Task ParkAsync(ClaimedRun run, Reason reason, TimeSpan wait, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            async (context, release, now, token) =>
            {
                release.Status = ReleaseStatus.Pushing;
                await LetGoAsync(context, release, reason, wait, now, token);
            },
            cancellationToken);

    /// <summary>Puts a release back into the queue for a while: the engine, GitLab or the source is away and nothing is built yet.</summary>
    /// <param name="roomEngine">The engine that has made room for it, to which it goes back while a worker of that lives; null: any.</param>
    public Task PutOffAsync(ClaimedRun run, Reason reason, TimeSpan wait, string? roomEngine, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            async (context, release, now, token) =>
            {
                await StageWrites.EndAllAsync(context, release, StageStatus.Failed, now, token);
                release.Status = release.ImageId is null ? ReleaseStatus.Queued : ReleaseStatus.Pushing;
                release.RoomEngine = roomEngine;
                await LetGoAsync(context, release, reason, wait, now, token);
            },
            cancellationToken);

    /// <summary>What was waited for has come: later waits are counted anew.</summary>
    public Task EndWaitAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            (_, release, _, _) =>
            {
                release.WaitingSince = null;
                release.RoomEngine = null;
                release.Tries = 0;
                Explain(release, null);
                return Task.CompletedTask;
            },
            cancellationToken);

    /// <summary>Ends the release for a reason that is about all of its images that are not pushed.</summary>
    public Task FinishAsync(ClaimedRun run, ReleaseStatus status, Reason? reason, IReadOnlyList<NotifyRule> tellings, CancellationToken cancellationToken) =>
        FinishAsync(run, status, reason, images: null, tellings, cancellationToken);

    /// <summary>Ends the release and writes down, in the same transaction, who is to be told.</summary>
    /// <param name="images">
    /// The images that the reason is about, each with its own; null for all. Of the others, those that bear a reason have failed for it, and
    /// those that were not tried stay pending.
    /// </param>
    public Task FinishAsync(
        ClaimedRun run, ReleaseStatus status, Reason? reason, IReadOnlyList<ImageFailure>? images, IReadOnlyList<NotifyRule> tellings,
        CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            async (context, release, now, token) =>
            {
                var ended = status == ReleaseStatus.Published ? StageStatus.Done : StageStatus.Failed;
                await StageWrites.EndAllAsync(context, release, ended, now, token);
                if (reason is not null && status is ReleaseStatus.Failed or ReleaseStatus.Rejected)
                {
                    await FailImagesAsync(context, release, reason!, images, now, token);
                }

                await ReleaseEnding.ApplyAsync(context, release, status, reason, tellings, now, token);
            },
            cancellationToken);

    /// <summary>Why it waits, or nothing. Who asked for its end is named until that comes.</summary>
    private static void Explain(Release release, Reason? reason)
    {
        if (release.CancelRequestedAt is null)
        {
            (release.ReasonCode, release.ReasonMessage) = (reason?.Code, reason?.Message);
        }
    }

    private static Task LetGoAsync(HistoryContext context, Release release, Reason reason, TimeSpan wait, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Explain(release, reason);
        release.WaitingSince ??= now;
        // Who asked for its end a moment ago is not kept waiting for a registry.
        release.NotBefore = release.CancelRequestedAt is null ? now + wait : now;
        release.Tries++;
        release.Owner = null;
        release.LeaseUntil = null;
        release.DispatchedAt = null;
        return context.ResourceLocks.Where(held => held.ReleaseId == release.Id).ExecuteDeleteAsync(cancellationToken);
    }

    private async Task FailImagesAsync(
        HistoryContext context, Release release, Reason reason, IReadOnlyList<ImageFailure>? failures, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var pending = await context.ReleaseImages.AsTracking().Where(image => image.ReleaseId == release.Id && image.Status == ImageStatus.Pending)
            .ToListAsync(cancellationToken);
        foreach (var image in pending)
        {
            var own = failures?.FirstOrDefault(failure => failure.Ordinal == image.Ordinal)?.Reason ?? image.Reason;
            if ((own ?? (failures is null ? reason : null)) is { } why)
            {
                image.Status = ImageStatus.Failed;
                image.FinishedAt = now;
                image.ReasonCode = why.Code;
                image.ReasonMessage = why.Message;
                if (why.Code is ReasonCode.VersionExists or ReasonCode.TagTaken or ReasonCode.RepositoryTaken)
                {
                    context.TagMoves.Add(TagMove.Of(database.NewId(now), release, image, null, null, TagVerdict.Refused, why.Message, now));
                }
            }
        }
    }

    private Task ChangeAsync(
        ClaimedRun run, Func<HistoryContext, Release, DateTimeOffset, CancellationToken, Task> change, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, run.Release.Id, run.Fence, token);
                await change(context, release, now, token);
                await context.SaveChangesAsync(token);
                return true;
            },
            cancellationToken);
}

/// <summary>Why one image of a release could not be published.</summary>
/// <param name="Ordinal">Its place in the plan, from 0.</param>
public sealed record ImageFailure(int Ordinal, Reason Reason);
