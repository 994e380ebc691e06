using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Runs one claimed release under its lease, and answers for every way in which that can end.</summary>
internal sealed partial class RunExecutor(
    RunQueue queue, RunLedger ledger, ReleaseLogStore logs, HistorySignals signals, ReleasePipeline pipeline, LastLook look, DockerEngine engine,
    EngineUpkeep upkeep, IReadOnlyList<ProjectRule> rules, SecretMask mask, TimeProvider time, ILogger<RunExecutor> logger)
{
    private static readonly Func<ILogger, Guid, IDisposable?> ReleaseScope = LoggerMessage.DefineScope<Guid>("release {ReleaseId}");

    /// <summary>Earlier fences whose builds are looked for; more than that were never alive at once.</summary>
    private const int EarlierFences = 3;

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(10);

    /// <summary>Never throws: a slot must outlive whatever a release does.</summary>
    public async Task RunAsync(ClaimedRun claimed, CancellationToken stopping)
    {
        using var scope = ReleaseScope(logger, claimed.Release.Id);
        await using var log = new RunLog(logs, claimed.Release.Id, claimed.Fence, mask, time, logger);
        await using var lease = new RunLease(queue, signals, claimed, time, logger);
        await using var stop = stopping.Register(lease.Stop);
        lease.Start();
        try
        {
            await RunAsync(claimed, log, lease);
        }
        catch (FencedOffException)
        {
            Log.FencedOff(logger, claimed.Release.Id, claimed.Fence);
        }
        catch (Exception exception) when (StoreFault.Explain(exception) is { } cause)
        {
            await GiveBackAsync(claimed, log, cause);
        }
        catch (Exception exception)
        {
            await HandleAsync(claimed, log, exception);
        }
    }

    private async Task RunAsync(ClaimedRun claimed, RunLog log, RunLease lease)
    {
        if (Prepare(claimed, log) is not { } run)
        {
            await EndUnpreparedAsync(claimed);
            return;
        }

        if (claimed.TakenOverFrom is { } before)
        {
            // A step that ended as its worker died is in the engine's cache, which keeps no output.
            log.Say($"taken over from {before}, which ended in the middle of it or was not heard of for as long as its lease: what its last step printed may be missing here");
        }

        await using (run)
        {
            try
            {
                await EndStragglersAsync(claimed, lease.Token);
                await pipeline.RunAsync(run, lease.Token);
            }
            catch (OperationCanceledException) when (lease.Token.IsCancellationRequested)
            {
                await EndEarlyAsync(run, lease.End);
            }
            catch (CancelRequestedException)
            {
                // Before the lease heard of it.
                await EndEarlyAsync(run, RunEnd.Canceled);
            }
        }

        await upkeep.AfterReleaseAsync(run.LocalTag, claimed.Release.Id);
    }

    /// <summary>Nobody can say by today's configuration what the release is, nor ask its registries.</summary>
    private async Task EndUnpreparedAsync(ClaimedRun claimed)
    {
        var release = claimed.Release;
        var (status, reason) = release.CancelRequestedAt is null
            ? (ReleaseStatus.Rejected, new Reason(ReasonCode.NoMatchingProject, "The configuration no longer publishes this ref, or no longer to these registries."))
            : (ReleaseStatus.Canceled, await CancellationAsync(claimed, [.. release.Images.Where(image => image.Status == ImageStatus.Pending).Select(image => image.Registry).Distinct()]));
        using var limit = new CancellationTokenSource(LastWords, time);
        await ledger.FinishAsync(claimed, status, reason, [], limit.Token);
    }

    private ReleaseRun? Prepare(ClaimedRun claimed, RunLog log)
    {
        var release = claimed.Release;
        if (ReleasePlanner.RuleFor(release.ProjectPath, rules) is not { } rule
            || ReleasePlanner.Plan(rule, release.ProjectPath, release.Ref, ObjectId.Parse(release.Commit!), release.CommittedAt!.Value) is not PlanResult.Planned planned)
        {
            return null;
        }

        // The tags are those that were planned when the release was queued; a rule that has changed since counts for the next one.
        var configured = rule.Images.Select(image => image.Registry).ToHashSet(StringComparer.Ordinal);
        return release.Images.TrueForAll(image => configured.Contains(image.Registry)) ? new ReleaseRun(claimed, rule, planned.Plan, log) : null;
    }

    /// <summary>The first act of an attempt: whatever an older one left running at the engine ends now.</summary>
    private async Task EndStragglersAsync(ClaimedRun claimed, CancellationToken cancellationToken)
    {
        for (var fence = claimed.Fence - 1; fence >= Math.Max(1, claimed.Fence - EarlierFences); fence--)
        {
            try
            {
                await engine.CancelBuildAsync(ReleaseRun.BuildId(claimed.Release.Id, fence), cancellationToken);
            }
            catch (EngineException exception)
            {
                Log.StragglerNotEnded(logger, fence, exception.Message);
                return;
            }
        }
    }

    private async Task EndEarlyAsync(ReleaseRun run, RunEnd end)
    {
        switch (end)
        {
            case RunEnd.Canceled:
                var unknown = await look.TakeAsync(run, CancellationToken.None);
                await pipeline.CancelAsync(run, await CancellationAsync(run.Claimed, unknown), LastWords);
                break;
            case RunEnd.Stopping:
                run.Log.Say("the worker stops; the release goes on at the next one");
                await run.Log.FlushOrDropAsync(LastWords);
                await HandBackAsync(run);
                break;
            default:
                Log.LeaseLost(logger, run.Release.Id);
                break;
        }
    }

    /// <param name="unknown">Registries that could not be asked what they hold of the release.</param>
    private async Task<Reason> CancellationAsync(ClaimedRun claimed, IReadOnlyCollection<string> unknown)
    {
        using var limit = new CancellationTokenSource(LastWords, time);
        var reason = await queue.CancellationAsync(claimed, limit.Token);
        return unknown.Count == 0
            ? reason
            : reason with { Message = $"{reason.Message} What {string.Join(", ", unknown)} may hold besides could not be asked." };
    }

    /// <summary>Its limit begins only now: a log that waits for a slow history may have taken as long already.</summary>
    private async Task HandBackAsync(ReleaseRun run)
    {
        using var limit = new CancellationTokenSource(LastWords, time);
        await queue.HandBackAsync(run.Claimed, limit.Token);
        Log.HandedBack(logger, run.Release.Id);
    }

    /// <summary>
    /// The database was away for longer than we wait, or takes no writes. The release goes on at the next worker that can reach it, without having failed. What its
    /// steps printed meanwhile is stored first: the next attempt may find them in the engine's cache, which keeps no output, and once it has begun nobody else
    /// writes the log.
    /// </summary>
    private async Task GiveBackAsync(ClaimedRun claimed, RunLog log, string cause)
    {
        Log.HistoryAway(logger, claimed.Release.Id, cause);
        log.Say($"this attempt ends: {cause}. The release goes on at the next worker");
        await log.FlushOrDropAsync(LastWords, isPatient: true);
        try
        {
            using var limit = new CancellationTokenSource(LastWords, time);
            await queue.HandBackAsync(claimed, limit.Token);
        }
        catch (Exception)
        {
            // The lease runs out, and whoever is free takes the release over.
        }
    }

    /// <summary>A fault that no stage has a word for: ours, most likely. The release waits and is tried again for as long as for a registry; an operator can see it.</summary>
    private async Task HandleAsync(ClaimedRun claimed, RunLog log, Exception exception)
    {
        Log.RunFailed(logger, claimed.Release.Id, exception);
        log.Say($"an unexpected fault ended this attempt ({exception.GetType().Name}); the service's log has it");
        await log.FlushOrDropAsync(LastWords);
        try
        {
            using var limit = new CancellationTokenSource(LastWords, time);
            await pipeline.WaitAfterFaultAsync(claimed, log, exception.GetType().Name, limit.Token);
        }
        catch (Exception second)
        {
            // The lease runs out, and whoever is free takes the release over.
            Log.NotPutOff(logger, claimed.Release.Id, second);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Release {ReleaseId} was taken over by another worker (fence {Fence} is old); this attempt ends.")]
        public static partial void FencedOff(ILogger logger, Guid releaseId, long fence);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The lease of release {ReleaseId} could not be kept; this attempt ends.")]
        public static partial void LeaseLost(ILogger logger, Guid releaseId);

        [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "Release {ReleaseId} was handed back unfinished.")]
        public static partial void HandedBack(ILogger logger, Guid releaseId);

        [LoggerMessage(EventId = 4, Level = LogLevel.Error, Message = "An attempt of release {ReleaseId} ended with an unexpected fault.")]
        public static partial void RunFailed(ILogger logger, Guid releaseId, Exception exception);

        [LoggerMessage(EventId = 5, Level = LogLevel.Error, Message = "Release {ReleaseId} could not even be put off; its lease will run out.")]
        public static partial void NotPutOff(ILogger logger, Guid releaseId, Exception exception);

        [LoggerMessage(EventId = 6, Level = LogLevel.Warning, Message = "A build of fence {Fence} could not be ended: {Message}")]
        public static partial void StragglerNotEnded(ILogger logger, long fence, string message);

        [LoggerMessage(EventId = 7, Level = LogLevel.Warning, Message = "This attempt of release {ReleaseId} ends: {Cause}.")]
        public static partial void HistoryAway(ILogger logger, Guid releaseId, string cause);
    }
}
