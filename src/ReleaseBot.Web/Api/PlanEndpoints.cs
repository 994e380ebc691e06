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
    string Reason);

internal sealed record SkippedTagJson(string Registry, string Tag, string Reason);

/// <summary>What a release of the ref would do now.</summary>
internal sealed record PlanJson(
    ProjectJson Project,
    RefJson Ref,
    string Commit,
    string? Version,
    [property: Description("The path pattern of the rule that counts.")] string Rule,
    [property: Description("publish or reject.")] string Verdict,
    [property: Description("Why it would be rejected.")] ReasonJson? Reason,
    IReadOnlyList<PlannedImageJson> Images,
    [property: Description("Tag entries that this ref has no value for.")] IReadOnlyList<SkippedTagJson> Skipped,
    string Note);

/// <summary>What a release would do, without doing it.</summary>
internal static class PlanEndpoints
{
    private const string Note = "By history alone: the registries were not asked, so a tag that somebody else put there is not seen here.";

    public static void MapPlan(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/api/v1/plan", PlanAsync)
            .Requires(AccessScope.Read)
            .WithAccessProblems()
            .WithMetadata(new RequestSizeLimitAttribute(64 * 1024))
            .WithTags("Releases")
            .WithName("PlanRelease")
            .WithSummary("Say what a release of a ref would do now")
            .WithDescription("The rule, what GitLab says of the protection, and each image tag with what would become of it. Changes nothing. With assume, of a tag that does not exist yet.")
            .Produces<PlanJson>()
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
            .ProducesProblem(StatusCodes.Status502BadGateway)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<IResult> PlanAsync(PlanRequest request, RefLookup lookup, TagForecast forecast, CancellationToken cancellationToken)
    {
        var (found, problem) = await lookup.FindAsync(request, cancellationToken);
        if (found is null)
        {
            return problem!;
        }

        var state = found.State;
        var verified = new VerifiedRef(state.Target, state.Commit, state.CommittedAt, state.IsProtected);
        var refusal = ReleasePlanner.Verify(found.Ref, state.Target, verified, found.Rule);
        return ReleasePlanner.Plan(found.Rule, found.Project.Path, found.Ref, state.Commit, state.CommittedAt) switch
        {
            PlanResult.Refused refused => Answer(found, null, refusal ?? refused.Reason, [], []),
            PlanResult.Planned planned => Answer(
                found,
                planned.Plan.Version,
                refusal,
                await forecast.OfAsync(found.Project.Id, found.Ref, state.Target, planned.Plan, found.Rule.Overwrite, cancellationToken),
                planned.Plan.Skipped),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private static IResult Answer(
        FoundRef found, SemanticVersion? version, Reason? refusal, IReadOnlyList<ForecastImage> images, IReadOnlyList<SkippedTag> skipped)
    {
        // One tag that is somebody else's rejects the whole release.
        var refusedImage = images.FirstOrDefault(image => image.Verdict == ForecastVerdict.Refuse);
        var reason = ReasonJson.Of(refusal) ?? ReasonJson.Of(refusedImage?.Code, refusedImage?.Why);
        var plan = new PlanJson(
            new ProjectJson(found.Project.Id, found.Project.Path, found.Project.WebUrl.AbsoluteUri),
            new RefJson(found.Ref.Kind.ToText(), found.Ref.Name, found.State.IsProtected),
            found.State.Commit.Value,
            version?.ToString(),
            found.Rule.Path.Pattern,
            reason is null ? "publish" : "reject",
            reason,
            [.. images.Select(image => new PlannedImageJson(
                image.Image.Registry, image.Image.Image.ToString(), image.Image.Kind.ToText(), image.Verdict.ToText(), image.Current,
                image.Code?.ToText(), image.Why))],
            [.. skipped.Select(tag => new SkippedTagJson(tag.Registry, tag.Template, tag.Why))],
            Note);
        return TypedResults.Json(plan, ApiJson.Default.PlanJson);
    }
}
