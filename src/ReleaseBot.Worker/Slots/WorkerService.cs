using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>
/// The slots of a worker. A free one claims at start, at a wake-up and every few seconds, so that a lost wake-up costs seconds. At a shutdown
/// the slots claim no more; what still runs after the drain is handed back.
/// </summary>
internal sealed partial class WorkerService(
    RunQueue queue, RunExecutor executor, WorkerIdentity identity, WorkerPresence presence, WorkerWakeUps wakeUps, HistorySignals signals, EngineSettings engine,
    TimeProvider time, ILogger<WorkerService> logger) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(30);

    private readonly LoopPace _pace = new("Claiming releases", Poll, WaitCap, time, logger);
    private readonly CancellationTokenSource _abort = new();

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _abort.CancelAfter(Drain);
        signals.Queued -= wakeUps.Slots.Set;
        signals.CancelRequested -= LookForIt;
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _abort.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Log.Started(logger, identity.Name, engine.Concurrency);
        signals.Queued += wakeUps.Slots.Set;
        signals.CancelRequested += LookForIt;
        return Task.WhenAll(Enumerable.Range(0, engine.Concurrency).Select(_ => RunSlotAsync(stoppingToken)));
    }

    /// <summary>It may be one that nobody runs, whose registries have to be asked before it ends.</summary>
    private void LookForIt(Guid releaseId) => wakeUps.Slots.Set();

    private async Task RunSlotAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!presence.IsPaused && await ClaimAsync(stoppingToken) is { } claimed)
                {
                    // Another may be waiting: the next free slot should look at once.
                    wakeUps.Slots.Set();
                    _pace.Succeeded();
                    using var busy = presence.Busy();
                    await executor.RunAsync(claimed, _abort.Token);
                    continue;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                await _pace.BearAsync(exception, stoppingToken);
                continue;
            }

            await wakeUps.Slots.WaitAsync(Poll, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<ClaimedRun?> ClaimAsync(CancellationToken cancellationToken)
    {
        await presence.ShowFullAsync(cancellationToken);
        return await queue.ClaimAsync(identity.Name, await presence.FindEngineAsync(cancellationToken), RunLease.Length, cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Worker {Worker} is ready with {Slots} slots.")]
        public static partial void Started(ILogger logger, string worker, int slots);
    }
}
