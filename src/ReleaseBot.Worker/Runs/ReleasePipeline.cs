using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Takes a release through its stages and writes down how it ended.</summary>
internal sealed partial class ReleasePipeline(
    SourceStage source, BuildStage build, PushStage push, TagsStage tags, RunLedger ledger, PublishingSettings publishing, TimeProvider time,
    ILogger<ReleasePipeline> logger)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(3);
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
        foreach (var stage in InOrder)
        {
            await ledger.StartStageAsync(run.Claimed, stage.Name, StatusIn(run, stage), cancellationToken);
            switch (await stage.RunAsync(run, cancellationToken))
            {
                case StageResult.Wait wait:
                    await WaitAsync(run, stage, wait, cancellationToken);
                    return;
                case StageResult.End end:
                    await FinishAsync(run, end.Status, end.Reason, cancellationToken);
                    return;
                default:
                    await ledger.EndStageAsync(run.Claimed, stage.Name, StageStatus.Done, cancellationToken);
                    await EndWaitAsync(run, stage, cancellationToken);
                    break;
            }
        }

        await FinishAsync(run, ReleaseStatus.Published, null, cancellationToken);
    }

    /// <summary>Ends the release. The log says how, before its row does, so that whoever follows the log sees the end.</summary>
    public async Task FinishAsync(ReleaseRun run, ReleaseStatus status, Reason? reason, CancellationToken cancellationToken)
    {
        run.Log.Say(reason is null ? status.ToText() : $"{status.ToText()}: {reason.Code.ToText()}: {reason.Message}");
        await run.Log.DisposeAsync();
        await ledger.FinishAsync(run.Claimed, status, reason, Tellings.Of(run.Rule, run.Release.RefKind), cancellationToken);
        Log.Finished(logger, run.Release.ProjectPath, run.Release.RefName, status.ToText(), reason?.Code.ToText() ?? "ok");
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

    private async Task WaitAsync(ReleaseRun run, IReleaseStage stage, StageResult.Wait wait, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var since = run.Release.WaitingSince ?? now;
        if (now - since >= publishing.GiveUpAfter)
        {
            var given = new Reason(wait.Reason.Code, $"Given up after {publishing.GiveUpAfter}: {wait.Reason.Message}");
            await FinishAsync(run, ReleaseStatus.Failed, given, cancellationToken);
            return;
        }

        var cap = now - since < TimeSpan.FromHours(1) ? WaitInFirstHour : WaitLater;
        var pause = Backoff.Next(run.Release.Tries, FirstWait, cap, wait.Asked);
        run.Log.Say($"waiting {pause.TotalSeconds:F0} s: {wait.Reason}");
        await run.Log.DisposeAsync();
        var isPushing = stage.Status == ReleaseStatus.Pushing;
        await (isPushing
            ? ledger.ParkAsync(run.Claimed, wait.Reason, pause, cancellationToken)
            : ledger.PutOffAsync(run.Claimed, wait.Reason, pause, cancellationToken));
        Log.Waiting(logger, run.Release.ProjectPath, run.Release.RefName, pause.TotalSeconds, wait.Reason.Code.ToText());
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Project} {Ref}: {Status} ({Reason}).")]
        public static partial void Finished(ILogger logger, string project, string @ref, string status, string reason);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "{Project} {Ref}: waiting {Seconds:F0} s ({Reason}).")]
        public static partial void Waiting(ILogger logger, string project, string @ref, double seconds, string reason);
    }
}
