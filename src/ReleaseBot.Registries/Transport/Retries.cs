using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace ReleaseBot.Registries;

/// <summary>Tries again what may pass by itself: a few times, with growing waits that no two clients share.</summary>
internal static partial class Retries
{
    public static ResiliencePipeline Create(RegistryLimits limits, TimeProvider time, ILogger logger) =>
        new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = limits.Tries - 1,
                ShouldHandle = arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is RegistryException { IsTransient: true, IsSilence: false } fault
                    && (fault.RetryAfter ?? TimeSpan.Zero) <= limits.LongestRetryAfter),
                DelayGenerator = arguments => ValueTask.FromResult<TimeSpan?>(
                    (arguments.Outcome.Exception as RegistryException)?.RetryAfter ?? Wait(arguments.AttemptNumber, limits)),
                OnRetry = arguments =>
                {
                    Log.Again(logger, arguments.Outcome.Exception?.Message ?? "", arguments.RetryDelay.TotalSeconds, arguments.AttemptNumber + 2);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();

    /// <summary>Between once and twice the first wait, and three times as long with each further attempt.</summary>
    internal static TimeSpan Wait(int attempt, RegistryLimits limits)
    {
        var wait = limits.FirstWait * Math.Pow(3, Math.Min(attempt, 8)) * (1 + Random.Shared.NextDouble());
        return wait < limits.LongestWait ? wait : limits.LongestWait;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Fault} Trying again in {Seconds:0.0} s (try {Try}).")]
        public static partial void Again(ILogger logger, string fault, double seconds, int @try);
    }
}
