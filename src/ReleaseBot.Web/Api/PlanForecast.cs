using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Says what a release of a ref would do now, from what GitLab says of the ref, from history, and from what registries say where they can be asked.</summary>
internal sealed class PlanForecast(TagForecast tags, RegistryQuestions registries)
{
    /// <param name="target">The object that the ref should point to; where it points to another by now, the release would be rejected.</param>
    /// <param name="standing">The release that is there already, if one is. Who meets it is answered before anything is judged.</param>
    public async Task<PlanJson> OfAsync(FoundRef found, ObjectId target, ReleaseStanding standing, CancellationToken cancellationToken)
    {
        var state = found.State;
        var verified = new VerifiedRef(state.Target, state.Commit, state.CommittedAt, state.IsProtected);
        var refusal = ReleasePlanner.Verify(found.Ref, target, verified, found.Rule);
        return ReleasePlanner.Plan(found.Rule, found.Project.Path, found.Ref, state.Commit, state.CommittedAt) switch
        {
            PlanResult.Refused refused => Json(found, standing, null, refusal ?? refused.Reason, [], [], "No tag of it was looked at."),
            PlanResult.Planned planned => await OfAsync(found, target, standing, planned.Plan, refusal, cancellationToken),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private async Task<PlanJson> OfAsync(
        FoundRef found, ObjectId target, ReleaseStanding standing, ReleasePlan plan, Reason? refusal, CancellationToken cancellationToken)
    {
        var known = await tags.KnownDigestsAsync(found.Project.Id, found.Ref, target, found.State.Commit, plan, cancellationToken);
        var (facts, note) = await registries.AskAsync(plan.Images, known, cancellationToken);
        var images = await tags.OfAsync(found.Project.Id, found.Ref, target, found.State.Commit, plan, found.Rule.Overwrite, facts, cancellationToken);
        return Json(found, standing, plan.Version, refusal, images, plan.Skipped, note);
    }

    private static PlanJson Json(
        FoundRef found, ReleaseStanding standing, SemanticVersion? version, Reason? refusal, IReadOnlyList<ForecastImage> images,
        IReadOnlyList<SkippedTag> skipped, string note)
    {
        // One tag that is somebody else's rejects the whole release.
        var refusedImage = images.FirstOrDefault(image => image.Verdict == ForecastVerdict.Refuse);
        var reason = ReasonJson.Of(standing.Duplicate) ?? ReasonJson.Of(refusal) ?? ReasonJson.Of(refusedImage?.Code, refusedImage?.Why);
        return new PlanJson(
            new ProjectJson(found.Project.Id, found.Project.Path, found.Project.WebUrl.AbsoluteUri),
            new RefJson(found.Ref.Kind.ToText(), found.Ref.Name, found.State.IsProtected),
            found.State.Commit.Value,
            version?.ToString(),
            found.Rule.Path.Pattern,
            standing.Duplicate is not null ? DeliveryOutcome.Duplicate.ToText() : reason is null ? "publish" : "reject",
            reason,
            standing.Id,
            [.. images.Select(image => new PlannedImageJson(
                image.Image.Registry, image.Image.Image.ToString(), image.Image.Kind.ToText(), image.Verdict.ToText(), image.Current,
                image.Code?.ToText(), image.Why, image.Seen?.Digest, image.Seen?.At))],
            [.. skipped.Select(tag => new SkippedTagJson(tag.Registry, tag.Template, tag.Why))],
            standing is { Id: { } id, Status: { } status, IsJudgedAgain: true } ? $"It would be the next attempt of release {id}, which is {status.ToText()}. {note}" : note);
    }
}
