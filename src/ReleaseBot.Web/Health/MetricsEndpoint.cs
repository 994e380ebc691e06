using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Numbers for Prometheus, in its text format.</summary>
/// <seealso href="https://prometheus.io/docs/instrumenting/exposition_formats/"/>
internal static class MetricsEndpoint
{
    private static readonly TimeSpan StoreLimit = TimeSpan.FromSeconds(3);

    public static void MapMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/metrics", GetAsync)
            .Requires(AccessScope.Read)
            .WithApiProblems()
            .WithTags("Health")
            .WithName("GetMetrics")
            .WithSummary("Numbers in Prometheus' text format")
            .Produces<string>(StatusCodes.Status200OK, "text/plain");

    private static async Task<IResult> GetAsync(HistoryQueries history, IntakeCounters intake, TimeProvider time, CancellationToken cancellationToken)
    {
        var vitals = await VitalsAsync(history, time, cancellationToken);
        var text = new StringBuilder();
        Describe(text, "releasebot_deliveries_total", "counter", "Webhook deliveries that were stored since the start, by outcome.");
        foreach (var outcome in Enum.GetValues<DeliveryOutcome>())
        {
            Value(text, $"releasebot_deliveries_total{{outcome=\"{outcome.ToText()}\"}}", intake.Of(outcome));
        }

        Describe(text, "releasebot_deliveries_refused_total", "counter", "Deliveries without a valid signature or secret since the start.");
        Value(text, "releasebot_deliveries_refused_total", intake.Refused);
        Describe(text, "releasebot_deliveries_not_stored_total", "counter", "Deliveries that could not be stored since the start.");
        Value(text, "releasebot_deliveries_not_stored_total", intake.NotStored);
        Describe(text, "releasebot_store_up", "gauge", "Whether the history could be asked.");
        Value(text, "releasebot_store_up", vitals is null ? 0 : 1);
        if (vitals is not null)
        {
            AddVitals(text, vitals);
        }

        return TypedResults.Text(text.ToString(), "text/plain; version=0.0.4", Encoding.UTF8);
    }

    private static void AddVitals(StringBuilder text, HistoryVitals vitals)
    {
        Describe(text, "releasebot_releases_active", "gauge", "Releases that have not ended, by status.");
        Releases(text, "releasebot_releases_active", vitals, isFinal: false);
        Describe(text, "releasebot_releases_recent", "gauge", "Releases that were made within the last hour and have ended, by status.");
        Releases(text, "releasebot_releases_recent", vitals, isFinal: true);
        Describe(text, "releasebot_workers_alive", "gauge", "Workers that have shown themselves within the last minute.");
        Value(text, "releasebot_workers_alive", vitals.WorkersAlive);
        Describe(text, "releasebot_messages_waiting", "gauge", "Notifications that their channel has not taken yet and is tried again with.");
        Value(text, "releasebot_messages_waiting", vitals.MessagesWaiting);
        Describe(text, "releasebot_hooks_disabled", "gauge", "Hooks that GitLab sends nothing to, as of the latest round of reconciling.");
        Value(text, "releasebot_hooks_disabled", vitals.HooksDisabled);
    }

    private static void Releases(StringBuilder text, string name, HistoryVitals vitals, bool isFinal)
    {
        foreach (var (status, count) in vitals.Releases.Where(releases => releases.Key.IsFinal() == isFinal))
        {
            Value(text, $"{name}{{status=\"{status.ToText()}\"}}", count);
        }
    }

    /// <summary>The counters are wanted most while the history is away, and whoever scrapes them waits for ten seconds at the most.</summary>
    /// <returns>Null where the history could not be asked.</returns>
    private static async Task<HistoryVitals?> VitalsAsync(HistoryQueries history, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(StoreLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await history.VitalsAsync(either.Token);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && (limit.IsCancellationRequested || StoreFault.Explain(exception) is not null))
        {
            return null;
        }
    }

    private static void Describe(StringBuilder text, string name, string type, string help) =>
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    private static void Value(StringBuilder text, string name, long value) => text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
}
