using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Reconciles at start and at every interval, and sweeps out what is past its retention.</summary>
internal sealed class ReconcileService(
    Reconciler reconciler, Housekeeping housekeeping, ReconcileSettings settings, TimeProvider time, ILogger<ReconcileService> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LoopPace.OfRounds("Reconciling", settings.Interval, time, logger).RepeatAsync(RoundAsync, stoppingToken);

    private async Task RoundAsync(CancellationToken cancellationToken)
    {
        await reconciler.RunAsync(cancellationToken);
        await housekeeping.SweepAsync(cancellationToken);
    }
}
