using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>A round of the drift check at every interval of the reconciler: both look for what happened past us.</summary>
internal sealed partial class DriftService(DriftCheck check, ReconcileSettings settings, TimeProvider time, ILogger<DriftService> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LoopPace.OfRounds("The drift check", settings.Interval, time, logger)
            .RepeatAsync(async token => Log.Looked(logger, await check.RunAsync(token)), stoppingToken);

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "{Count} tags were compared with the history.")]
        public static partial void Looked(ILogger logger, int count);
    }
}
