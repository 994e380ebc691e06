using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Stores a delivery and wakes the verifier. Waits for the store alone.</summary>
internal sealed partial class DeliveryReceiver(
    DeliveryIntake intake, [FromKeyedServices(WakeUps.Verify)] WakeUp verifier, IntakeCounters counters, TimeProvider time,
    ILogger<DeliveryReceiver> logger)
{
    /// <summary>GitLab hangs up after 10 s; until then it must have an answer. Longer than the intake takes to say itself that it stored nothing.</summary>
    private static readonly TimeSpan StoreLimit = TimeSpan.FromSeconds(9);

    /// <returns>What was stored, or null where the store failed.</returns>
    public async Task<StoredDelivery?> StoreAsync(NewDelivery delivery)
    {
        // Not the request's token: a delivery that is here is worth keeping though its sender has gone.
        using var limit = new CancellationTokenSource(StoreLimit, time);
        try
        {
            var stored = await intake.StoreAsync(delivery, limit.Token);
            counters.Count(stored.Outcome);
            Log.Stored(logger, delivery.Event, delivery.ProjectPath, delivery.Ref, stored.Outcome.ToText(), stored.Reason is { } reason ? $" ({reason.Code.ToText()})" : "");
            if (stored.Outcome == DeliveryOutcome.Accepted)
            {
                verifier.Set();
            }

            return stored;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            counters.CountNotStored();
            if (StoreFault.Explain(exception) is { } cause)
            {
                Log.StoreFailed(logger, delivery.Event, delivery.ProjectPath, cause);
            }
            else
            {
                Log.NotStored(logger, delivery.Event, delivery.ProjectPath, exception);
            }

            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Event} of {Project} {Ref}: {Outcome}{Reason}")]
        public static partial void Stored(ILogger logger, string @event, string? project, string? @ref, string outcome, string reason);

        [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "{Event} of {Project} could not be stored.")]
        public static partial void NotStored(ILogger logger, string @event, string? project, Exception exception);

        [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "{Event} of {Project} could not be stored: {Cause}.")]
        public static partial void StoreFailed(ILogger logger, string @event, string? project, string cause);
    }
}
