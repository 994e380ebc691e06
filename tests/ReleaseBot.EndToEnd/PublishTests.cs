using System.Text.Json;
using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

public sealed class PublishTests(ServiceParts parts)
{
    [Fact]
    public async Task Pushed_Protected_Tag_Is_Published_Everywhere_With_One_Digest_And_Told_Once()
    {
        await using var shop = await ReleaseScenario.StartAsync(parts);

        await shop.PushTagAsync("v1.0.0");
        var release = await shop.WaitForPublishedAsync("v1.0.0");

        var digest = await shop.DigestAsync("v1.0.0");
        (await shop.DigestAsync("latest")).ShouldBe(digest);
        release.Images.ShouldAllBe(image => image.Status == "pushed" && image.Digest == digest);
        release.Images.Count.ShouldBe(4);
        release.ShouldSatisfyAllConditions(
            () => release.Commit.ShouldBe(shop.Clone.HeadAsync(TestContext.Current.CancellationToken).Result),
            () => release.Version.ShouldBe("1.0.0"),
            () => release.Trigger.ShouldBe(new ApiTrigger("webhook", "releasebot")),
            () => release.Ref.ShouldBe(new ApiRef("tag", "v1.0.0", true)),
            () => release.Attempt.ShouldBe(1));
        (await shop.Api.LogAsync(release.Id)).ShouldContain("published");
        await shop.WaitUntilToldAsync("v1.0.0");
        shop.Bot.Output.ShouldContain($"Listening on {shop.Bot.Address.GetLeftPart(UriPartial.Authority)}.");
        (await shop.Bot.StopAsync()).ShouldBe(0);
        shop.Told("v1.0.0").Count.ShouldBe(1);
        parts.GitLab.UnexpectedRequests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Image_Is_Labelled_With_Where_It_Comes_From()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);

        var release = await shop.PublishAsync("v1.2.3");

        var config = JsonDocument.Parse(await shop.SecondView.ConfigAsync(shop.Path, "v1.2.3")).RootElement.GetProperty("config");
        var labels = config.GetProperty("Labels").Deserialize<Dictionary<string, string>>()!;
        labels["org.opencontainers.image.revision"].ShouldBe(release.Commit);
        labels["org.opencontainers.image.version"].ShouldBe("1.2.3");
        labels["org.opencontainers.image.source"].ShouldBe(shop.Project.WebUrl.AbsoluteUri);
    }

    [Fact]
    public async Task History_Tells_Every_Move_Of_A_Tag_And_What_The_Registry_Says()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        var first = (await shop.PublishAsync("v1.0.0")).Image("first", "latest").Digest;
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        var second = (await shop.PublishAsync("v1.1.0")).Image("first", "latest").Digest;

        var latest = await shop.Api.ImageAsync(shop.ReferenceInFirst("latest"));

        second.ShouldNotBe(first);
        latest.Digest.ShouldBe(second);
        latest.RegistryDigest.ShouldBe(second);
        latest.Moves.Select(move => (move.From, move.To, move.Version)).ShouldBe([(first, second, "1.1.0"), (null, first, "1.0.0")]);
        (await shop.Api.ReleasesAsync(shop.Path)).Select(release => release.Ref.Name).ShouldBe(["v1.1.0", "v1.0.0"]);
    }
}
