using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Takes a release through its stages and writes down how it ended.</summary>
internal sealed partial class ReleasePipeline(
    SourceStage source, BuildStage build, PushStage push, TagsStage tags, LastLook look, RunLedger ledger, IReadOnlyList<ProjectRule> rules,
    PublishingSettings publishing, TimeProvider time, ILogger<ReleasePipeline> logger)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan FirstWaitAfterFault = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WaitInFirstHour = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan WaitLater = TimeSpan.FromMinutes(10);

    /// <summary>The order is the product: a release is these stages and nothing else.</summary>
    private IReadOnlyList<IReleaseStage> InOrder { get; } =
    [
        source, // may we push there, is the version free? then the archive, as a stream
        build,  // once for all registries
        push,   // GitLab asked again; the engine to one registry, copies to the others
        tags,   // floating tags, after every registry holds the version, forward only
    ];

    /// <summary>Runs what is left of the release. Throws <see cref="FencedOffException"/> once another holds it, and <see cref="OperationCanceledException"/>.</summary>
    public async Task RunAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        StageName? done = null;
        foreach (var stage in InOrder)
        {
            await (done is { } before
                ? ledger.NextStageAsync(run.Claimed, before, stage.Name, StatusIn(run, stage), cancellationToken)
                : ledger.StartStageAsync(run.Claimed, stage.Name, StatusIn(run, stage), cancellationToken));
            switch (await stage.RunAsync(run, cancellationToken))
            {
                case StageResult.Wait wait:
                    await WaitAsync(run, stage, wait, cancellationToken);
                    return;
                case StageResult.End end:
                    await FinishAsync(run.Claimed, run.Log, end.Status, end.Reason, end.Images, cancellationToken);
                    return;
                default:
                    await EndWaitAsync(run, stage, cancellationToken);
                    done = stage.Name;
                    break;
            }
        }

        await FinishAsync(run, ReleaseStatus.Published, null, cancellationToken);
    }

    private Task FinishAsync(ReleaseRun run, ReleaseStatus status, Reason? reason, CancellationToken cancellationToken) =>
        FinishAsync(run.Claimed, run.Log, status, reason, images: null, cancellationToken);

    /// <summary>Ends the release. The log says how, before its row does, so that whoever follows the log sees the end.</summary>
    private async Task FinishAsync(
        ClaimedRun claimed, RunLog log, ReleaseStatus status, Reason? reason, IReadOnlyList<ImageFailure>? images, CancellationToken cancellationToken)
    {
        SayEnd(log, status, reason);
        await log.EndAsync(cancellationToken);
        await WriteEndAsync(claimed, status, reason, images, cancellationToken);
    }

    /// <summary>
    /// Ends a release that was canceled: its log is given <paramref name="limit"/>, and the end is written within another, whatever became of the log.
    /// That is not ended here, since a piece of it that is under way may take longer.
    /// </summary>
    public async Task CancelAsync(ReleaseRun run, Reason? reason, TimeSpan limit)
    {
        SayEnd(run.Log, ReleaseStatus.Canceled, reason);
        await run.Log.FlushOrDropAsync(limit);
        using var timeout = new CancellationTokenSource(limit, time);
        await WriteEndAsync(run.Claimed, ReleaseStatus.Canceled, reason, images: null, timeout.Token);
    }

    private static void SayEnd(RunLog log, ReleaseStatus status, Reason? reason) =>
        log.Say(reason is null ? status.ToText() : $"{status.ToText()}: {reason.Code.ToText()}: {reason.Message}");

    private async Task WriteEndAsync(
        ClaimedRun claimed, ReleaseStatus status, Reason? reason, IReadOnlyList<ImageFailure>? images, CancellationToken cancellationToken)
    {
        var release = claimed.Release;
        var tellings = Tellings.Of(ReleasePlanner.RuleFor(release.ProjectPath, rules), release.RefKind);
        await ledger.FinishAsync(claimed, status, reason, images, tellings, cancellationToken);
        Log.Finished(logger, release.ProjectPath, release.RefName, status.ToText(), reason?.Code.ToText() ?? "ok");
    }

    /// <summary>A release that waits for a registry stays in <c>pushing</c> while it looks again, unless the image is lost and has to be built anew.</summary>
    private static ReleaseStatus StatusIn(ReleaseRun run, IReleaseStage stage) =>
        run.Release.Status == ReleaseStatus.Pushing && run.Source is null ? ReleaseStatus.Pushing : stage.Status;

    /// <summary>
    /// Source and engine have come once the image is built, and a later wait for a registry is counted anew. A wait for registries ends with the
    /// release alone: push and tags wait for the same ones, and a push that has nothing left to do proves nothing of them.
    /// </summary>
    private async Task EndWaitAsync(ReleaseRun run, IReleaseStage stage, CancellationToken cancellationToken)
    {
        if (stage == build && run.Release is { WaitingSince: not null, Status: not ReleaseStatus.Pushing })
        {
            await ledger.EndWaitAsync(run.Claimed, cancellationToken);
            run.Release.WaitingSince = null;
            run.Release.Tries = 0;
        }
    }

    /// <summary>Puts the release off after a fault of our own, to be tried again for as long as a registry would be waited for.</summary>
    /// <param name="fault">Its name, for the operator.</param>
    public Task WaitAfterFaultAsync(ClaimedRun claimed, RunLog log, string fault, CancellationToken cancellationToken)
    {
        var reason = new Reason(ReasonCode.InternalError, $"An unexpected fault ({fault}) ended an attempt; see the service's log.");
        var wait = new StageResult.Wait(reason, null);
        return GivenUp(claimed, wait) is { } given
            ? FinishAsync(claimed, log, ReleaseStatus.Failed, given, images: null, cancellationToken)
            : PauseAsync(claimed, log, FirstWaitAfterFault, wait, isPushing: false, cancellationToken);
    }

    private Task WaitAsync(ReleaseRun run, IReleaseStage stage, StageResult.Wait wait, CancellationToken cancellationToken) =>
        GivenUp(run.Claimed, wait) is { } given
            ? GiveUpAsync(run, wait, given, cancellationToken)
            : PauseAsync(run.Claimed, run.Log, FirstWait, wait, stage.Status == ReleaseStatus.Pushing, cancellationToken);

    /// <returns>Why the release ends here; null where it waits on.</returns>
    private Reason? GivenUp(ClaimedRun claimed, StageResult.Wait wait)
    {
        var release = claimed.Release;
        return wait.GivesUp(release.Reason, Waited(release), publishing.GiveUpAfter) is { } limit
            ? new Reason(wait.EndsAs ?? wait.Reason.Code, $"Given up after {limit}: {wait.Reason.Message}")
            : null;
    }

    /// <summary>
    /// What the engine or GitLab was needed for is lost with all images. Of those that waited for registries each bears its own reason, and
    /// those whose turn had not come stay pending with the release's.
    /// </summary>
    private async Task GiveUpAsync(ReleaseRun run, StageResult.Wait wait, Reason given, CancellationToken cancellationToken)
    {
        await look.TakeAsync(run, cancellationToken);
        IReadOnlyList<ImageFailure>? images = wait.IsForRegistries
            ? [.. run.Images.Where(image => image.Status == ImageStatus.Pending).Select(image => new ImageFailure(image.Ordinal, given) { IsUntried = true })]
            : null;
        await FinishAsync(run.Claimed, run.Log, ReleaseStatus.Failed, given, images, cancellationToken);
    }

    private async Task PauseAsync(ClaimedRun claimed, RunLog log, TimeSpan first, StageResult.Wait wait, bool isPushing, CancellationToken cancellationToken)
    {
        var release = claimed.Release;
        var cap = Waited(release) < TimeSpan.FromHours(1) ? WaitInFirstHour : WaitLater;
        var pause = Backoff.Next(release.Tries, first, cap, wait.Asked);
        log.Say($"waiting {pause.TotalSeconds:F0} s: {wait.Reason}");
        await log.EndAsync(cancellationToken);
        await (isPushing
            ? ledger.ParkAsync(claimed, wait.Reason, pause, cancellationToken)
            : ledger.PutOffAsync(claimed, wait.Reason, pause, wait.ComesBack ? claimed.Engine : null, cancellationToken));
        Log.Waiting(logger, release.ProjectPath, release.RefName, pause.TotalSeconds, wait.Reason.Code.ToText());
    }

    private TimeSpan Waited(Release release) => release.WaitingSince is { } since ? time.GetUtcNow() - since : TimeSpan.Zero;

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Project} {Ref}: {Status} ({Reason}).")]
        public static partial void Finished(ILogger logger, string project, string @ref, string status, string reason);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "{Project} {Ref}: waiting {Seconds:F0} s ({Reason}).")]
        public static partial void Waiting(ILogger logger, string project, string @ref, double seconds, string reason);
    }
}
