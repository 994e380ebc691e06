using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

public sealed class FloatingTagTests(ServiceParts parts)
{
    [Fact]
    public async Task Floating_Tags_Move_Forward_Only_In_Whatever_Order_Versions_Come()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        foreach (var image in shop.Rule["Images"]!.AsArray())
        {
            image!["Tags"] = new JsonArray("{tag}", "latest", "{major}", "{major}.{minor}");
        }

        await shop.Bot.StartAsync();
        var newest = await PublishAsync(shop, "v2.0.0");
        var backPort = await PublishAsync(shop, "v1.0.1");

        backPort.Image("first", "latest").Status.ShouldBe("kept");
        backPort.Image("second", "latest").Reason.ShouldNotBeNull().Code.ShouldBe("not-newest");
        (await shop.DigestAsync("latest")).ShouldBe(await shop.DigestAsync("v2.0.0"));
        (await shop.DigestAsync("1")).ShouldBe(await shop.DigestAsync("v1.0.1"));
        (await shop.DigestAsync("1.0")).ShouldBe(await shop.DigestAsync("v1.0.1"));

        await PublishAsync(shop, "v1.1.0");
        var late = await PublishAsync(shop, "v1.0.0");
        var preRelease = await PublishAsync(shop, "v3.0.0-rc.1");

        late.Images.Where(image => image.Floating).ShouldAllBe(image => image.Status == "kept");
        preRelease.Images.Where(image => image.Floating).ShouldAllBe(image => image.Status == "kept" && image.Reason!.Code == "pre-release");
        (await shop.DigestAsync("latest")).ShouldBe(newest.Images[0].Digest);
        (await shop.DigestAsync("1")).ShouldBe(await shop.DigestAsync("v1.1.0"));
        (await shop.DigestAsync("1.0")).ShouldBe(await shop.DigestAsync("v1.0.1"));
        await shop.ShouldHoldNothingAsync("3");
    }

    [Fact]
    public async Task Version_That_The_Registry_Held_Before_Us_Keeps_Latest_From_Moving_Back()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, on: On.Postgres);
        await shop.PublishAsync("v1.0.0");
        await shop.FirstView.TagAsync(shop.Path, "v1.0.0", "4.0.0");
        await ReleaseScenario.CommitAsync(shop.Clone, []);

        var release = await shop.PublishAsync("v1.1.0");

        release.Image("first", "latest").Status.ShouldBe("kept");
        release.Image("second", "latest").Status.ShouldBe("pushed");
        (await shop.FirstView.DigestAsync(shop.Path, "latest")).ShouldBe(await shop.DigestAsync("v1.0.0"));
    }

    private static async Task<ApiRelease> PublishAsync(ReleaseScenario shop, string tag)
    {
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        return await shop.PublishAsync(tag);
    }
}
