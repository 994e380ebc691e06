using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>A round of the drift check at every interval of the reconciler: both look for what happened past us.</summary>
internal sealed partial class DriftService(DriftCheck check, ReconcileSettings settings, TimeProvider time, ILogger<DriftService> logger) : BackgroundService
{
    private static readonly TimeSpan WaitCap = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LoopPace pace = new("The drift check", settings.Interval, Longest(settings.Interval), time, logger);
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = settings.Interval;
            try
            {
                var looked = await check.RunAsync(stoppingToken);
                Log.Looked(logger, looked);
                pace.Succeeded();
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                wait = pace.Failed(exception);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Task.Delay(wait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>A round that fails is not put off by much more than a round.</summary>
    private static TimeSpan Longest(TimeSpan interval) => interval > WaitCap ? interval : WaitCap;

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "{Count} version tags were compared with the history.")]
        public static partial void Looked(ILogger logger, int count);
    }
}
