using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

public sealed class BranchTests(ServiceParts parts)
{
    [Fact]
    public async Task Branch_Tag_Follows_The_Head_Also_Back_To_An_Earlier_Commit()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        shop.Rule["Branches"] = new JsonArray("main");
        shop.Rule["RequireProtected"] = false;
        foreach (var image in shop.Rule["Images"]!.AsArray())
        {
            image!["Tags"] = new JsonArray("{short_sha}", "edge");
        }

        await shop.Bot.StartAsync();
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

    /// <summary>Pushes the branch and waits until a release of the commit is published.</summary>
    private static async Task<ApiRelease> PushAsync(ReleaseScenario shop, string commit, string refspec, Guid other = default)
    {
        await shop.Clone.PushAsync(TestContext.Current.CancellationToken, refspec);
        var release = await shop.Api.WaitAsync(
            shop.Path, "main", $"at the end for {commit}", release => release.HasEnded && release.Commit == commit && release.Id != other);
        release.Status.ShouldBe("published", $"{release.Reason}\n{await shop.Api.LogAsync(release.Id)}");
        return release;
    }
}
