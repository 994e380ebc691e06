using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

public sealed class BranchTests(ServiceParts parts)
{
    [Fact]
    public async Task Branch_Tag_Follows_The_Head_Also_Back_To_An_Earlier_Commit()
    {
        await using var shop = await StartAsync(On.Sqlite);
        var first = await shop.Clone.HeadAsync(TestContext.Current.CancellationToken);
        var a = await PushAsync(shop, first, "main");
        (await shop.DigestAsync("edge")).ShouldBe(a.Image("first", "edge").Digest);
        var second = await ReleaseScenario.CommitAsync(shop.Clone, []);
        await PushAsync(shop, second, "main");
        var digestOfFirst = await shop.DigestAsync(first[..8]);
        (await shop.DigestAsync("edge")).ShouldBe(await shop.DigestAsync(second[..8]));

        var back = await PushAsync(shop, first, $"+{first}:refs/heads/main", a.Id);

        (await shop.DigestAsync("edge")).ShouldBe(digestOfFirst);
        (await shop.DigestAsync(first[..8])).ShouldBe(digestOfFirst);
        back.Images.ShouldAllBe(image => image.Status == "pushed" && image.Digest == digestOfFirst);
        (await shop.Api.LogAsync(back.Id)).ShouldNotContain("built sha256:");
        (await shop.Api.ImageAsync(shop.ReferenceInFirst(first[..8]))).Digest.ShouldBe(digestOfFirst);
    }

    [Fact]
    public async Task Branch_Tag_Follows_The_Head_To_And_Fro_By_The_Same_Steps()
    {
        await using var shop = await StartAsync(On.Postgres);
        var a = await shop.Clone.HeadAsync(TestContext.Current.CancellationToken);
        var first = await PushAsync(shop, a, "main");
        var b = await ReleaseScenario.CommitAsync(shop.Clone, []);
        var second = await PushAsync(shop, b, "main");
        var third = await PushAsync(shop, a, $"+{a}:refs/heads/main", first.Id);

        // GitLab tells the same of it as of the second.
        var fourth = await PushAsync(shop, b, $"{b}:refs/heads/main", second.Id);
        (await shop.DigestAsync("edge")).ShouldBe(second.Images[0].Digest);
        await PushAsync(shop, a, $"+{a}:refs/heads/main", first.Id, third.Id);

        (await shop.DigestAsync("edge")).ShouldBe(first.Images[0].Digest);
        (await shop.DigestAsync(b[..8])).ShouldBe(second.Images[0].Digest);
        (await shop.Api.LogAsync(fourth.Id)).ShouldNotContain("built sha256:");
    }

    /// <summary>Publishes the branch main as its commit and as <c>edge</c>.</summary>
    private async Task<ReleaseScenario> StartAsync(On on)
    {
        var shop = await ReleaseScenario.CreateAsync(parts, on: on);
        shop.Rule["Branches"] = new JsonArray("main");
        shop.Rule["RequireProtected"] = false;
        foreach (var image in shop.Rule["Images"]!.AsArray())
        {
            image!["Tags"] = new JsonArray("{short_sha}", "edge");
        }

        await shop.Bot.StartAsync();
        return shop;
    }

    /// <summary>Pushes the branch and waits until a release of the commit is published.</summary>
    private static async Task<ApiRelease> PushAsync(ReleaseScenario shop, string commit, string refspec, params Guid[] others)
    {
        await shop.Clone.PushAsync(TestContext.Current.CancellationToken, refspec);
        var release = await shop.Api.WaitAsync(
            shop.Path, "main", $"at the end for {commit}", release => release.HasEnded && release.Commit == commit && !others.Contains(release.Id));
        release.Status.ShouldBe("published", $"{release.Reason}\n{await shop.Api.LogAsync(release.Id)}");
        return release;
    }
}
