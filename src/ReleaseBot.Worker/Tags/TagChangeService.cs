using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>
/// Claims wishes at a wake-up and every few seconds. Two hands, so that a registry that does not answer holds up nobody else's tag. At a shutdown
/// no more is claimed; a put under way may end, and what still runs after the drain is handed back.
/// </summary>
internal sealed class TagChangeService(
    TagChangeQueue queue, TagChangeRunner runner, WorkerWakeUps wakeUps, HistorySignals signals, TimeProvider time, ILogger<TagChangeService> logger)
    : BackgroundService
{
    private const int Hands = 2;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(10);

    private readonly LoopPace _pace = new("Working on wishes about tags", Poll, WaitCap, time, logger);
    private readonly CancellationTokenSource _abort = new();

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _abort.CancelAfter(Drain);
        signals.Queued -= wakeUps.Tags.Set;
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _abort.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        signals.Queued += wakeUps.Tags.Set;
        return Task.WhenAll(Enumerable.Range(0, Hands).Select(_ => WorkAsync(stoppingToken)));
    }

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await queue.ClaimAsync(TagChangeRunner.Lease, stoppingToken) is { } claimed)
                {
                    // Another may be waiting.
                    wakeUps.Tags.Set();
                    await runner.RunAsync(claimed, _abort.Token);
                    _pace.Succeeded();
                    continue;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                await _pace.BearAsync(exception, stoppingToken);
                continue;
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await wakeUps.Tags.WaitAsync(Poll, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
