using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>The ways out of <c>tag-taken</c> and <c>repository-taken</c>, up to what the registries hold afterwards.</summary>
public sealed class HandOverTests(ServiceParts parts)
{
    [Fact]
    public async Task Tag_That_Was_Handed_Over_Is_Replaced_By_Its_Heir_And_Refused_To_Its_First_Owner()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        await shop.PublishAsync("v1-0");
        var old = await shop.DigestAsync("v1-0");
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PushTagAsync("v1/0");
        var refused = await shop.WaitForEndAsync("v1/0");
        (refused.Status, refused.Reason?.Code).ShouldBe(("rejected", "tag-taken"));
        (await shop.DigestAsync("v1-0")).ShouldBe(old);

        foreach (var host in Hosts(shop))
        {
            await shop.Api.PostAsync(
                "api/v1/images/hand-over",
                new { reference = $"{host}/{shop.Path}:v1-0", project = shop.Path, @ref = "refs/tags/v1/0", reason = "the old name is given up" });
        }

        (await shop.DigestAsync("v1-0")).ShouldBe(old, "a tag stays what it is until its heir is published");
        await RetryAsync(shop, refused);
        var published = await shop.WaitForPublishedAsync("v1/0");
        var next = await shop.DigestAsync("v1-0");
        next.ShouldNotBe(old);
        next.ShouldBe(published.Image("first", "v1-0").Digest);
        var history = await shop.Api.ImageAsync(shop.ReferenceInFirst("v1-0"));
        (history.Moves[0].From, history.Moves[0].Verdict).ShouldBe((old, "replaced"));

        var first = (await shop.Api.FindAsync(shop.Path, "v1-0")).ShouldNotBeNull();
        // GitLab has protected tags deleted on its own pages alone.
        shop.Project.ProtectedTags.Remove("v*");
        await shop.Clone.PushAsync(TestContext.Current.CancellationToken, ":v1-0");
        shop.Project.ProtectedTags.Add("v*");
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PushTagAsync("v1-0");
        var late = await shop.Api.WaitAsync(shop.Path, "v1-0", "at the end of another release", release => release.HasEnded && release.Id != first.Id);
        (late.Status, late.Reason?.Code).ShouldBe(("rejected", "tag-taken"));
    }

    [Fact]
    public async Task Repository_That_Was_Handed_Over_Takes_The_Other_Project_And_No_Longer_The_First()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts, on: On.Postgres);
        foreach (var image in shop.Rule["Images"]!.AsArray())
        {
            image!["Repository"] = shop.Path;
        }

        var heir = await shop.AddProjectAsync($"{shop.Namespace}/shop-next");
        await shop.Bot.StartAsync();
        await shop.PublishAsync("v1.0.0");
        await ReleaseScenario.PushTagAsync(heir, "v2.0.0");
        var refused = await shop.Api.WaitForEndAsync(heir.Project.Path, "v2.0.0");
        (refused.Status, refused.Reason?.Code).ShouldBe(("rejected", "repository-taken"));

        foreach (var host in Hosts(shop))
        {
            await shop.Api.PostAsync(
                "api/v1/images/hand-over", new { reference = $"{host}/{shop.Path}", project = heir.Project.Path, reason = "the shop was written anew" });
        }

        await RetryAsync(shop, refused);
        var published = await shop.Api.WaitForEndAsync(heir.Project.Path, "v2.0.0");
        published.Status.ShouldBe("published", published.Reason?.ToString());
        (await shop.DigestAsync("v2.0.0")).ShouldBe(await shop.DigestAsync("latest"));
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PushTagAsync("v1.0.1");
        var late = await shop.WaitForEndAsync("v1.0.1");
        (late.Status, late.Reason?.Code).ShouldBe(("rejected", "repository-taken"));
    }

    private static string[] Hosts(ReleaseScenario shop) => [shop.First.Host, shop.Second.Host];

    private static async Task RetryAsync(ReleaseScenario shop, ApiRelease refused)
    {
        await shop.Api.PostAsync($"api/v1/releases/{refused.Id}/retry", null);
        await shop.Api.WaitAsync(refused.Project.Path, refused.Ref.Name, "tried again", release => release.Attempt > refused.Attempt);
    }
}
