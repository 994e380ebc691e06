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
    private const int MaxReleases = 10_000;
    private static readonly TimeSpan StoreLimit = TimeSpan.FromSeconds(3);
    private static readonly ReleaseStatus[] Active = [.. Enum.GetValues<ReleaseStatus>().Where(status => !status.IsFinal())];

    public static void MapMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/metrics", GetAsync)
            .Requires(AccessScope.Read)
            .WithAccessProblems()
            .WithTags("Health")
            .WithName("GetMetrics")
            .WithSummary("Numbers in Prometheus' text format")
            .Produces<string>(StatusCodes.Status200OK, "text/plain");

    private static async Task<IResult> GetAsync(HistoryQueries history, IntakeCounters intake, TimeProvider time, CancellationToken cancellationToken)
    {
        var active = await ActiveAsync(history, time, cancellationToken);
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
        Value(text, "releasebot_store_up", active is null ? 0 : 1);
        if (active is not null)
        {
            Describe(text, "releasebot_releases_active", "gauge", $"Releases that have not ended, by status; {MaxReleases} are counted at the most.");
            foreach (var status in Active)
            {
                Value(text, $"releasebot_releases_active{{status=\"{status.ToText()}\"}}", active.Count(release => release.Status == status));
            }
        }

        return TypedResults.Text(text.ToString(), "text/plain; version=0.0.4", Encoding.UTF8);
    }

    /// <summary>The counters are wanted most while the history is away, and whoever scrapes them waits for ten seconds at the most.</summary>
    /// <returns>Null where the history could not be asked.</returns>
    private static async Task<IReadOnlyList<Release>?> ActiveAsync(HistoryQueries history, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(StoreLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await history.ActiveAsync(MaxReleases, either.Token);
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
