using System.Globalization;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Says what judging a stored delivery again would come to, without doing it.</summary>
internal sealed class ReplayPlanner(HistoryQueries history, RefLookup lookup, PlanForecast forecast)
{
    /// <param name="judged">The delivery by the rules of today.</param>
    /// <param name="made">The release that came of it.</param>
    public async Task<IResult> PlanAsync(Guid deliveryId, NewDelivery judged, Guid? made, CancellationToken cancellationToken)
    {
        if (judged.Release is not { } release)
        {
            return Answer(new ReplayPlanJson(deliveryId, DeliveryOutcome.Ignored.ToText(), ReasonJson.Of(judged.Ignored), null, null));
        }

        var existing = await history.StandingAsync(judged, made, cancellationToken);
        if (existing.Duplicate is { } reason)
        {
            return Answer(new ReplayPlanJson(deliveryId, DeliveryOutcome.Duplicate.ToText(), ReasonJson.Of(reason), existing.Id, null));
        }

        // By the id: the path may be another's by now.
        var (found, problem) = await lookup.FindAsync(
            new PublishRequest { Project = release.ProjectId.ToString(CultureInfo.InvariantCulture), Ref = release.Ref.FullName }, cancellationToken);
        return found is null
            ? problem!
            : Answer(new ReplayPlanJson(
                deliveryId, DeliveryOutcome.Accepted.ToText(), null, existing.Id, await forecast.OfAsync(found, release.Target, existing, cancellationToken)));
    }

    private static IResult Answer(ReplayPlanJson plan) => TypedResults.Json(plan, ApiJson.Default.ReplayPlanJson);
}
