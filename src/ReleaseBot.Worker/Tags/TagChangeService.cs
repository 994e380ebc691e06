using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>
/// Claims wishes at a wake-up and every few seconds. Several hands, of which one registry may keep two busy, so that one that does not answer, or
/// that gets back a large image, holds up nobody else's tag. At a shutdown
/// no more is claimed; a put under way may end, and what still runs after the drain is handed back.
/// </summary>
internal sealed class TagChangeService(
    TagChangeQueue queue, TagChangeRunner runner, WorkerWakeUps wakeUps, HistorySignals signals, TimeProvider time, ILogger<TagChangeService> logger)
    : BackgroundService
{
    private const int Hands = 4;
    private const int HandsOfARegistry = 2;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(10);

    private readonly LoopPace _pace = new("Working on wishes about tags", Poll, WaitCap, time, logger);
    private readonly CancellationTokenSource _abort = new();
    private readonly SemaphoreSlim _claiming = new(1);
    private readonly List<string> _hosts = [];

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _abort.CancelAfter(Drain);
        signals.WishHandedBack -= wakeUps.Tags.Set;
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _abort.Dispose();
        _claiming.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        signals.WishHandedBack += wakeUps.Tags.Set;
        return Task.WhenAll(Enumerable.Range(0, Hands).Select(_ => WorkAsync(stoppingToken)));
    }

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await ClaimAsync(stoppingToken) is { } claimed)
                {
                    // Another may be waiting.
                    wakeUps.Tags.Set();
                    try
                    {
                        await runner.RunAsync(claimed, _abort.Token);
                    }
                    finally
                    {
                        Release(claimed.Change.Host);
                    }

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

    private async Task<ClaimedChange?> ClaimAsync(CancellationToken cancellationToken)
    {
        // One at a time, or two hands would take the last place of a registry.
        await _claiming.WaitAsync(cancellationToken);
        try
        {
            List<string> busy;
            lock (_hosts)
            {
                busy = [.. _hosts.GroupBy(host => host).Where(hands => hands.Count() >= HandsOfARegistry).Select(hands => hands.Key)];
            }

            var claimed = await queue.ClaimAsync(TagChangeRunner.Lease, busy, cancellationToken);
            if (claimed is not null)
            {
                lock (_hosts)
                {
                    _hosts.Add(claimed.Change.Host);
                }
            }

            return claimed;
        }
        finally
        {
            _claiming.Release();
        }
    }

    private void Release(string host)
    {
        lock (_hosts)
        {
            _hosts.Remove(host);
        }
    }
}
