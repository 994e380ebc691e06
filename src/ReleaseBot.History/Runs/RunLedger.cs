using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What a run writes down as it goes, each reason without the secrets that a tool outside may have put into its words. Every write carries the run's fence and is refused once another has taken over (<see cref="FencedOffException"/>).</summary>
public sealed class RunLedger(HistoryDatabase database, SecretMask mask)
{
    /// <exception cref="CancelRequestedException">Nothing was begun.</exception>
    public Task StartStageAsync(ClaimedRun run, StageName stage, ReleaseStatus status, CancellationToken cancellationToken) =>
        StartStageAsync(run, done: null, stage, status, cancellationToken);

    /// <summary>Ends a stage as done and starts the next, in one transaction. The last one ends with the release.</summary>
    /// <exception cref="CancelRequestedException">Nothing was begun; what was done is ended.</exception>
    public Task NextStageAsync(ClaimedRun run, StageName done, StageName next, ReleaseStatus status, CancellationToken cancellationToken) =>
        StartStageAsync(run, done, next, status, cancellationToken);

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

    /// <summary>The engine that had what was built has it no more, so the release is not kept for it.</summary>
    public Task RecordImageGoneAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            (context, release, _, token) => context.ReleaseBuilds
                .Where(build => build.ReleaseId == release.Id && build.ImageId == release.ImageId && (build.Engine == run.Engine || run.Engine == null))
                .ExecuteUpdateAsync(build => build.SetProperty(row => row.Engine, (string?)null), token),
            cancellationToken);

    /// <summary>Why an image has not been pushed yet, or that it need not be. What was pushed, <see cref="TagLedger"/> writes down with the move of its tag.</summary>
    public Task RecordImageAsync(ClaimedRun run, int ordinal, ImageStatus status, Digest? digest, Reason? reason, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            (context, release, now, token) => WriteImageAsync(context, release, ordinal, status, digest, reason is null ? null : mask.Apply(reason), now, token),
            cancellationToken);

    internal static async Task WriteImageAsync(
        HistoryContext context, Release release, int ordinal, ImageStatus status, Digest? digest, Reason? reason, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var image = await context.ReleaseImages.AsTracking().SingleAsync(row => row.ReleaseId == release.Id && row.Ordinal == ordinal, cancellationToken);
        image.Status = status;
        image.Digest = digest?.Value ?? image.Digest;
        image.FinishedAt = status == ImageStatus.Pending ? null : now;
        image.ReasonCode = reason?.Code;
        image.ReasonMessage = reason?.Message;
        if (status == ImageStatus.Pushed)
        {
            release.Digest = digest?.Value;
        }
    }

    /// <summary>Lets go of the release until a time: a registry is away. It holds no slot and no repository meanwhile.</summary>
    public Task ParkAsync(ClaimedRun run, Reason reason, TimeSpan wait, CancellationToken cancellationToken) =>
        ChangeAsync(
            run,
            async (context, release, now, token) =>
            {
                release.Status = ReleaseStatus.Pushing;
                await LetGoAsync(context, release, mask.Apply(reason), wait, now, token);
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
                await LetGoAsync(context, release, mask.Apply(reason), wait, now, token);
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
                await StageWrites.EndAllAsync(context, release, StageWrites.EndOf(status), now, token);
                if (reason is not null && status is ReleaseStatus.Failed or ReleaseStatus.Rejected)
                {
                    await FailImagesAsync(context, release, mask.Apply(reason!), images, now, token);
                }

                await ReleaseEnding.ApplyAsync(context, release, status, reason is null ? null : mask.Apply(reason), tellings, now, token);
            },
            cancellationToken);

    private async Task StartStageAsync(ClaimedRun run, StageName? done, StageName stage, ReleaseStatus status, CancellationToken cancellationToken)
    {
        var isCanceled = false;
        await ChangeAsync(
            run,
            async (context, release, now, token) =>
            {
                if (done is { } before)
                {
                    await StageWrites.EndAsync(context, release, before, StageStatus.Done, now, token);
                }

                isCanceled = release.CancelRequestedAt is not null;
                if (isCanceled)
                {
                    return;
                }

                release.Status = status;
                if (status != ReleaseStatus.Pushing || release.WaitingSince is null)
                {
                    Explain(release, null);
                }

                await StageWrites.StartAsync(context, release, stage, now, token);
            },
            cancellationToken);
        if (isCanceled)
        {
            throw new CancelRequestedException(run.Release.Id);
        }
    }

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
            var failure = failures?.FirstOrDefault(failure => failure.Ordinal == image.Ordinal);
            if (failure is { IsUntried: true } && image.Reason is null)
            {
                var untried = mask.Apply(failure.Reason);
                (image.ReasonCode, image.ReasonMessage) = (untried.Code, untried.Message);
                continue;
            }

            var own = failure is null or { IsUntried: true } ? image.Reason : mask.Apply(failure.Reason);
            if ((own ?? (failures is null ? reason : null)) is { } why)
            {
                image.Status = ImageStatus.Failed;
                image.FinishedAt = now;
                image.ReasonCode = why.Code;
                image.ReasonMessage = why.Message;
                if (why.Code is ReasonCode.VersionExists or ReasonCode.TagTaken or ReasonCode.RepositoryTaken)
                {
                    await TagConflicts.RecordAsync(database, context, release, image, failure?.Found, why, now, cancellationToken);
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
/// <param name="Found">What its registry was seen to hold under the name; null where that is empty or was not looked at.</param>
public sealed record ImageFailure(int Ordinal, Reason Reason, Digest? Found = null)
{
    /// <summary>Its turn had not come: unless its row bears a reason already, it stays pending, and this is what it waited for.</summary>
    public bool IsUntried { get; init; }
}
