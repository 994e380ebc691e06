using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;

namespace ReleaseBot.Worker;

/// <summary>A round of the drift check at every interval of the reconciler: both look for what happened past us.</summary>
internal sealed partial class DriftService(DriftCheck check, ReconcileSettings settings, TimeProvider time, ILogger<DriftService> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var looked = await check.RunAsync(stoppingToken);
                Log.Looked(logger, looked);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Log.Failed(logger, exception);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Task.Delay(settings.Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Error, Message = "The drift check failed unexpectedly; the next round tries again.")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(EventId = 2, Level = LogLevel.Debug, Message = "{Count} version tags were compared with the history.")]
        public static partial void Looked(ILogger logger, int count);
    }
}
