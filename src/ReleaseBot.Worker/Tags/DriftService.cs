using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>A round of the drift check at every interval of the reconciler: both look for what happened past us.</summary>
internal sealed partial class DriftService(DriftCheck check, ReconcileSettings settings, TimeProvider time, ILogger<DriftService> logger) : BackgroundService
{
    private bool _hasBegun;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LoopPace.OfRounds("The drift check", settings.Interval, time, logger).RepeatAsync(RoundAsync, stoppingToken);

    private async Task RoundAsync(CancellationToken cancellationToken)
    {
        if (!_hasBegun)
        {
            await check.BeginAsync(cancellationToken);
            _hasBegun = true;
        }

        Log.Looked(logger, await check.RunAsync(cancellationToken));
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "{Count} tags were compared with the history.")]
        public static partial void Looked(ILogger logger, int count);
    }
}
