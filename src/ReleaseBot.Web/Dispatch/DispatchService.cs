using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Sends a wake-up over the bus for every queued release. With the bus away the workers' own polling does the same, a little slower.</summary>
internal sealed class DispatchService(
    DispatchQueue queue, IWorkSignal signal, [FromKeyedServices(WakeUps.Dispatch)] WakeUp wakeUp, TimeProvider time, ILogger<DispatchService> logger)
    : BackgroundService
{
    private const int Batch = 50;
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LoopPace pace = new("Waking workers", Poll, WaitCap, time, logger, _ => "the bus did not take a wake-up; workers find releases by themselves. See that it runs, and that Bus:Uri is right");
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = Poll;
            try
            {
                var sent = await DispatchAsync(stoppingToken);
                if (sent > 0)
                {
                    pace.Succeeded();
                }

                if (sent == Batch)
                {
                    continue;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                wait = pace.Failed(exception);
            }

            await wakeUp.WaitAsync(wait, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<int> DispatchAsync(CancellationToken stoppingToken)
    {
        var due = await queue.ClaimAsync(Batch, Lease, stoppingToken);
        if (due.Count == 0)
        {
            return 0;
        }

        using var limit = new CancellationTokenSource(SendLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stoppingToken);
        await Task.WhenAll(due.Select(id => signal.SendAsync(id, either.Token)));
        await queue.MarkAsync([.. due], stoppingToken);
        return due.Count;
    }
}
