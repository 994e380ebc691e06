using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.GitLab;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>GitLab is believed, not the hook; and what may be published is published once.</summary>
public sealed class VerificationTests(ServiceParts parts)
{
    private const string Tag = "v1.0.0";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ref-moved")]
    [InlineData("ref-gone")]
    public async Task Tag_That_Changes_While_It_Is_Built_Is_Not_Published(string code)
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, Dockerfiles.Slow);
        await shop.PushTagAsync(Tag);
        await shop.Api.WaitAsync(shop.Path, Tag, "building", release => release.IsIn("build"));
        shop.RemoveHooks();

        var next = code == "ref-gone" ? null : await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.Clone.PushAsync(Cancellation, "main");
        await parts.GitLab.UpdateRefAsync(shop.Project, $"refs/tags/{Tag}", next, "root", Cancellation);

        var release = await shop.WaitForEndAsync(Tag);
        release.Status.ShouldBe("rejected");
        release.Reason.ShouldNotBeNull().Code.ShouldBe(code);
        await shop.ShouldHoldNothingAsync(Tag);
    }

    [Fact]
    public async Task Tag_That_Moved_Between_Hook_And_Verification_Is_Published_Where_It_Points_Now()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        var old = await shop.Clone.HeadAsync(Cancellation);
        await shop.Clone.TagAsync(Tag, null, Cancellation);
        var next = await ReleaseScenario.CommitAsync(shop.Clone, []);
        parts.GitLab.AddFault(new StandInFault
        {
            Kind = StandInFaultKind.MoveRef,
            Matches = $"GET /api/v4/projects/{shop.Project.Id}/repository/tags/{Tag}",
            Times = 1,
            Project = shop.Path,
            Ref = $"refs/tags/{Tag}",
            To = next,
        });

        await shop.Clone.PushAsync(Cancellation, "main", Tag);

        var published = await shop.Api.WaitAsync(shop.Path, Tag, "published", release => release.Status == "published");
        published.Commit.ShouldBe(next);
        var releases = await Poll.UntilAsync(
            "both releases to end", () => shop.Api.ReleasesAsync(shop.Path), all => all.Count == 2 && all.All(release => release.HasEnded), all => string.Join('\n', all));
        next.ShouldNotBe(old);
        releases.Single(release => release.Id != published.Id).ShouldSatisfyAllConditions(
            release => release.Status.ShouldBe("rejected"),
            release => release.Reason.ShouldNotBeNull().Code.ShouldBe("ref-moved"));
    }

    [Fact]
    public async Task Tag_That_Was_Refused_As_Unprotected_Is_Published_By_A_Resend_Once_It_Is_Protected()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        await shop.PushTagAsync("beta");
        var refused = await shop.WaitForEndAsync("beta");
        refused.Status.ShouldBe("rejected");
        refused.Reason.ShouldNotBeNull().Code.ShouldBe("ref-not-protected");
        await shop.ShouldHoldNothingAsync("beta");
        await shop.WaitUntilToldAsync("beta");

        shop.Project.ProtectedTags.Add("beta");
        var answer = await parts.GitLab.ResendAsync(shop.Deliveries.Last(delivery => delivery.Ref == "refs/tags/beta").Id);

        answer.Status.ShouldNotBeNull().ShouldBeInRange(200, 202, answer.Answer);
        var release = await shop.Api.WaitAsync(shop.Path, "beta", "published", release => release.Status == "published");
        release.Id.ShouldBe(refused.Id);
        release.Attempt.ShouldBe(2);
        await shop.DigestAsync("beta");
    }

    [Fact]
    public async Task Equal_Deliveries_At_Once_Make_One_Release()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        // Nobody listens yet: the hook is lost, but GitLab can send it again.
        await shop.PushTagAsync(Tag);
        await Poll.UntilAsync("the hook to be lost", () => shop.Deliveries.Any(delivery => delivery.Ref == $"refs/tags/{Tag}"), () => "it was not sent");
        var lost = shop.Deliveries.Last(delivery => delivery.Ref == $"refs/tags/{Tag}");
        lost.Status.ShouldBeNull();
        await shop.Bot.StartAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(number => number % 2 == 0
            ? parts.GitLab.ResendAsync(lost.Id)
            : parts.GitLab.SendAsync(shop.Hooks[0], lost.Event, lost.Body)));

        answers.Select(answer => answer.Status).ShouldAllBe(status => status == 200 || status == 202);
        answers.Count(answer => answer.Status == 202).ShouldBe(1);
        var release = await shop.WaitForPublishedAsync(Tag);
        (await shop.Api.ReleasesAsync(shop.Path)).ShouldHaveSingleItem();
        answers.ShouldAllBe(answer => answer.Answer!.Contains(release.Id.ToString(), StringComparison.Ordinal));
        shop.First.Count("PUT", $"/manifests/{Tag}").ShouldBe(1);
    }

    [Fact]
    public async Task Repository_And_Image_Tag_Belong_To_Whoever_Published_There_First()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        foreach (var image in shop.Rule["Images"]!.AsArray())
        {
            image!["Repository"] = JsonValue.Create(shop.Path);
        }

        await shop.Bot.StartAsync();
        var other = await shop.AddProjectAsync($"{shop.Namespace}/other");
        await shop.PublishAsync("v1/x");

        await shop.PushTagAsync("v1-x");
        var sameTag = await shop.WaitForEndAsync("v1-x");
        await ReleaseScenario.PushTagAsync(other, Tag);
        var sameRepository = await shop.Api.WaitForEndAsync(other.Project.Path, Tag);

        (sameTag.Status, sameTag.Reason?.Code).ShouldBe(("rejected", "tag-taken"));
        (sameRepository.Status, sameRepository.Reason?.Code).ShouldBe(("rejected", "repository-taken"));
        await shop.ShouldHoldNothingAsync(Tag);
    }
}
