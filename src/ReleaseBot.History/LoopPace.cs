using Microsoft.Extensions.Logging;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// How a background loop bears what fails: waits that grow up to a cap, and one line a wait with the cause and the cure. Only what no cure is known for
/// leaves a trace, once. All hands of a loop share one.
/// </summary>
/// <param name="work">What does not go on, as the beginning of a sentence, e.g. <c>Verifying releases</c>.</param>
/// <param name="explain">What the loop knows of its own faults, as <see cref="StoreFault.Explain"/>, which is asked first.</param>
public sealed partial class LoopPace(
    string work, TimeSpan first, TimeSpan cap, TimeProvider time, ILogger logger, Func<Exception, string?>? explain = null)
{
    private static readonly TimeSpan LongestBetweenRounds = TimeSpan.FromMinutes(5);

    private readonly Lock _lock = new();
    private int _failures;
    private string? _told;
    private long _toldAt;

    /// <summary>For work that is done in rounds: one that fails is not put off by much more than a round.</summary>
    public static LoopPace OfRounds(string work, TimeSpan interval, TimeProvider time, ILogger logger) =>
        new(work, interval, interval > LongestBetweenRounds ? interval : LongestBetweenRounds, time, logger);

    /// <summary>Does a round at once, and the next one after each first wait, until the token ends. Never throws.</summary>
    public async Task RepeatAsync(Func<CancellationToken, Task> round, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            var wait = first;
            try
            {
                await round(stopping);
                Succeeded();
            }
            catch (Exception exception) when (!stopping.IsCancellationRequested)
            {
                wait = Failed(exception);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Task.Delay(wait, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Waits out a failure; not ended by a wake-up, since what failed does so for whatever else there is to do. Never throws.</summary>
    public async Task BearAsync(Exception exception, CancellationToken stopping) =>
        await Task.Delay(Failed(exception), time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>Something was done: the next wait is a short one again.</summary>
    public void Succeeded()
    {
        lock (_lock)
        {
            if (_failures > 0)
            {
                Log.Again(logger, work, _failures);
                (_failures, _told) = (0, null);
            }
        }
    }

    /// <returns>How long to wait before the next try.</returns>
    public TimeSpan Failed(Exception exception)
    {
        var cause = StoreFault.Explain(exception) ?? explain?.Invoke(exception);
        lock (_lock)
        {
            var wait = Backoff.Next(_failures++, first, cap, null);
            Tell(exception, cause, wait);
            return wait;
        }
    }

    private void Tell(Exception exception, string? cause, TimeSpan wait)
    {
        var kind = cause ?? exception.GetType().FullName!;
        var isNew = kind != _told;
        if (!isNew && time.GetElapsedTime(_toldAt) < wait)
        {
            return;
        }

        (_told, _toldAt) = (kind, time.GetTimestamp());
        switch (cause)
        {
            case not null:
                Log.Failed(logger, work, cause, wait.TotalSeconds);
                break;
            case null when isNew:
                Log.FailedUnexpectedly(logger, work, wait.TotalSeconds, exception);
                break;
            default:
                Log.FailedAgain(logger, work, exception.GetType().Name, wait.TotalSeconds);
                break;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Work} does not go on: {Cause}. Next try in {Seconds:F0} s.")]
        public static partial void Failed(ILogger logger, string work, string cause, double seconds);

        [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "{Work} failed unexpectedly. Next try in {Seconds:F0} s.")]
        public static partial void FailedUnexpectedly(ILogger logger, string work, double seconds, Exception exception);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "{Work} still fails ({Fault}); its trace is further up. Next try in {Seconds:F0} s.")]
        public static partial void FailedAgain(ILogger logger, string work, string fault, double seconds);

        [LoggerMessage(EventId = 4, Level = LogLevel.Information, Message = "{Work} goes on again, after {Failures} tries that failed.")]
        public static partial void Again(ILogger logger, string work, int failures);
    }
}
