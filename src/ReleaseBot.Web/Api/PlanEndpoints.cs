using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

internal sealed record PlannedImageJson(
    string Registry,
    string Reference,
    [property: Description("version, branch or floating.")] string Kind,
    [property: Description("create, move, keep or refuse.")] string Verdict,
    [property: Description("What the tag points to now by our own deed.")] string? Current,
    [property: Description("Of a tag that is kept or refused.")] string? Code,
    string Reason,
    [property: Description("What the registry said at registryAskedAt; null where it had no such tag then, or was never asked.")] string? RegistryDigest,
    [property: Description("Now, where this process could ask; else when a worker last looked, and null where none has.")] DateTimeOffset? RegistryAskedAt);

internal sealed record SkippedTagJson(string Registry, string Tag, string Reason);

/// <summary>What a release of the ref would do now.</summary>
internal sealed record PlanJson(
    ProjectJson Project,
    RefJson Ref,
    string Commit,
    string? Version,
    [property: Description("The path pattern of the rule that counts.")] string Rule,
    [property: Description("publish, reject, or duplicate: the ref at this object is a release already, so nothing more comes of a hook of it.")] string Verdict,
    [property: Description("Why it would not be published.")] ReasonJson? Reason,
    [property: Description("The release that is there already, or would be judged again as its next attempt; null where one would be made.")] Guid? Release,
    IReadOnlyList<PlannedImageJson> Images,
    [property: Description("Tag entries that this ref has no value for.")] IReadOnlyList<SkippedTagJson> Skipped,
    string Note);

/// <summary>What a release would do, without doing it.</summary>
internal static class PlanEndpoints
{
    public static void MapPlan(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/api/v1/plan", PlanAsync)
            .Requires(AccessScope.Read)
            .WithApiProblems()
            .WithMetadata(new RequestSizeLimitAttribute(64 * 1024))
            .WithTags("Releases")
            .WithName("PlanRelease")
            .WithSummary("Say what a release of a ref would do now")
            .WithDescription("The rule, what GitLab says of the protection, and each image tag with what would become of it. Changes nothing. With assume, of a tag that does not exist yet.")
            .Produces<PlanJson>()
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
            .ProducesProblem(StatusCodes.Status502BadGateway)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<IResult> PlanAsync(
        PlanRequest request, RefLookup lookup, PlanForecast forecast, HistoryQueries history, CancellationToken cancellationToken)
    {
        var (found, problem) = await lookup.FindAsync(request, cancellationToken);
        if (found is null)
        {
            return problem!;
        }

        var standing = await history.StandingAsync(found.ToRelease(user: null), cancellationToken);
        return TypedResults.Json(await forecast.OfAsync(found, found.State.Target, standing, cancellationToken), ApiJson.Default.PlanJson);
    }
}
