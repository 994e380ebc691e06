using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Says what a release of a ref would do now, from what GitLab says of the ref and from history.</summary>
internal sealed class PlanForecast(TagForecast tags)
{
    private const string Note =
        "By history alone: the registries were not asked, so a tag that somebody else put there is not seen here. registryDigest is what a worker last saw, at registryAskedAt.";

    /// <param name="target">The object that the ref should point to; where it points to another by now, the release would be rejected.</param>
    public async Task<PlanJson> OfAsync(FoundRef found, ObjectId target, CancellationToken cancellationToken)
    {
        var state = found.State;
        var verified = new VerifiedRef(state.Target, state.Commit, state.CommittedAt, state.IsProtected);
        var refusal = ReleasePlanner.Verify(found.Ref, target, verified, found.Rule);
        return ReleasePlanner.Plan(found.Rule, found.Project.Path, found.Ref, state.Commit, state.CommittedAt) switch
        {
            PlanResult.Refused refused => Json(found, null, refusal ?? refused.Reason, [], []),
            PlanResult.Planned planned => Json(
                found,
                planned.Plan.Version,
                refusal,
                await tags.OfAsync(found.Project.Id, found.Ref, target, planned.Plan, found.Rule.Overwrite, cancellationToken),
                planned.Plan.Skipped),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private static PlanJson Json(
        FoundRef found, SemanticVersion? version, Reason? refusal, IReadOnlyList<ForecastImage> images, IReadOnlyList<SkippedTag> skipped)
    {
        // One tag that is somebody else's rejects the whole release.
        var refusedImage = images.FirstOrDefault(image => image.Verdict == ForecastVerdict.Refuse);
        var reason = ReasonJson.Of(refusal) ?? ReasonJson.Of(refusedImage?.Code, refusedImage?.Why);
        return new PlanJson(
            new ProjectJson(found.Project.Id, found.Project.Path, found.Project.WebUrl.AbsoluteUri),
            new RefJson(found.Ref.Kind.ToText(), found.Ref.Name, found.State.IsProtected),
            found.State.Commit.Value,
            version?.ToString(),
            found.Rule.Path.Pattern,
            reason is null ? "publish" : "reject",
            reason,
            [.. images.Select(image => new PlannedImageJson(
                image.Image.Registry, image.Image.Image.ToString(), image.Image.Kind.ToText(), image.Verdict.ToText(), image.Current,
                image.Code?.ToText(), image.Why, image.Seen?.Digest, image.Seen?.At))],
            [.. skipped.Select(tag => new SkippedTagJson(tag.Registry, tag.Template, tag.Why))],
            Note);
    }
}
