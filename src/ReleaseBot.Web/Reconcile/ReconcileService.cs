using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Reconciles at start and at every interval, and sweeps out what is past its retention.</summary>
internal sealed class ReconcileService(
    Reconciler reconciler, Housekeeping housekeeping, ReconcileSettings settings, TimeProvider time, ILogger<ReconcileService> logger) : BackgroundService
{
    private static readonly TimeSpan WaitCap = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LoopPace pace = new("Reconciling", settings.Interval, Longest(settings.Interval), time, logger);
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = settings.Interval;
            try
            {
                await reconciler.RunAsync(stoppingToken);
                await housekeeping.SweepAsync(stoppingToken);
                pace.Succeeded();
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                wait = pace.Failed(exception);
            }

            await Task.Delay(wait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>A round that fails is not put off by much more than a round.</summary>
    private static TimeSpan Longest(TimeSpan interval) => interval > WaitCap ? interval : WaitCap;
}
