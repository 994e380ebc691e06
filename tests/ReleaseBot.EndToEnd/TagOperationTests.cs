using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.Registry;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>What operators do to tags, and what is done about those that others moved, at real registries.</summary>
public sealed class TagOperationTests(ServiceParts parts)
{
    [Fact]
    public async Task Floating_Tag_Is_Moved_Back_Byte_For_Byte_And_The_Next_Release_Moves_It_Forward()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, on: On.Postgres);
        var good = await PublishAsync(shop, "v1.0.0");
        var bad = await PublishAsync(shop, "v2.0.0");

        var (code, output) = await shop.Bot.CommandAsync("promote", shop.ReferenceInFirst("latest"), "1.0.0", "--reason", "2.0.0 eats carts", "--wait");

        code.ShouldBe(0, output);
        (await shop.FirstView.DigestAsync(shop.Path, "latest")).ShouldBe(good);
        (await shop.SecondView.DigestAsync(shop.Path, "latest")).ShouldBe(bad);
        (await shop.FirstView.DigestAsync(shop.Path, "v2.0.0")).ShouldBe(bad);
        var history = await shop.Api.ImageAsync(shop.ReferenceInFirst("latest"));
        (history.Digest, history.RegistryDigest).ShouldBe((good, good));
        (history.Moves[0].By, history.Moves[0].Reason, history.Moves[0].Version).ShouldBe(("test", "2.0.0 eats carts", "1.0.0"));

        var backPort = await PublishAsync(shop, "v1.0.1");
        (await shop.FirstView.DigestAsync(shop.Path, "latest")).ShouldBe(good, $"2.0.0 is higher than 1.0.1 ({backPort}), and still counts");
        var next = await PublishAsync(shop, "v2.0.1");
        (await shop.DigestAsync("latest")).ShouldBe(next);
    }

    [Fact]
    public async Task Retracted_Version_Loses_Its_Floating_Tags_At_Both_Registries()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        var first = await PublishAsync(shop, "v1.0.0");
        var second = await PublishAsync(shop, "v2.0.0");
        var release = (await shop.Api.FindAsync(shop.Path, "v2.0.0")).ShouldNotBeNull();

        var (code, output) = await shop.Bot.CommandAsync("retract", release.Id.ToString(), "--reason", "a secret is in it", "--wait");

        code.ShouldBe(0, output);
        (await shop.DigestAsync("latest")).ShouldBe(first);
        (await shop.DigestAsync("v2.0.0")).ShouldBe(second);
        var third = await PublishAsync(shop, "v1.1.0");
        (await shop.DigestAsync("latest")).ShouldBe(third);
    }

    [Fact]
    public async Task Stray_Version_That_Is_Left_Out_Holds_Nothing_Back_Any_More()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, on: On.Postgres);
        var first = await PublishAsync(shop, "v1.0.0");
        await shop.FirstView.TagAsync(shop.Path, "v1.0.0", "v9.9.9");
        var second = await PublishAsync(shop, "v1.1.0");
        (await shop.FirstView.DigestAsync(shop.Path, "latest")).ShouldBe(first);

        var (code, output) = await shop.Bot.CommandAsync("retract", shop.ReferenceInFirst("v9.9.9"), "--reason", "a test of somebody", "--wait");

        code.ShouldBe(0, output);
        (await shop.DigestAsync("latest")).ShouldBe(second);
    }

    // On SQLite, where one process alone has the database and need not wait for the dead one's lease of minutes.
    [Theory]
    [InlineData("PUT")]
    [InlineData("HEAD")]
    public async Task Wish_Of_A_Killed_Bot_Is_Carried_Out_By_The_Next_One(string method)
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        var good = await PublishAsync(shop, "v1.0.0");
        await PublishAsync(shop, "v2.0.0");
        var puts = shop.First.Count("PUT", "/manifests/latest");
        // A HEAD after the put is the read-back: the tag is moved, and nothing of it is written down.
        var reached = ReleaseScenario.StallAsync(
            shop.First, request => request.Is(method, $"{shop.Path}/manifests/latest") && (method == "PUT" || shop.First.Count("PUT", "/manifests/latest") > puts));
        await shop.Api.PostAsync("api/v1/images/move", new { reference = shop.ReferenceInFirst("latest"), to = "v1.0.0", reason = "2.0.0 eats carts" });
        await reached;

        await shop.Bot.KillAsync();
        shop.First.Heal();
        await shop.Bot.StartAsync();

        var history = await WishEndsAsync(shop, "latest");
        (history.Wishes[0].Status, history.Digest, history.RegistryDigest).ShouldBe(("done", good, good));
    }

    [Fact]
    public async Task Wish_Of_A_Stopped_Bot_Is_Handed_Back_With_The_Tags_Lock()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, on: On.Postgres);
        var good = await PublishAsync(shop, "v1.0.0");
        await PublishAsync(shop, "v2.0.0");
        var reached = ReleaseScenario.StallAsync(shop.First, request => request.Is("PUT", "/manifests/latest"));
        await shop.Api.PostAsync("api/v1/images/move", new { reference = shop.ReferenceInFirst("latest"), to = "v1.0.0", reason = "2.0.0 eats carts" });
        await reached;
        (await shop.SqlAsync("SELECT count(*) FROM tag_changes WHERE lease_until IS NOT NULL")).ShouldBe(1);

        (await shop.Bot.StopAsync()).ShouldBe(0, shop.Bot.Output);

        (await shop.SqlAsync("SELECT count(*) FROM tag_changes WHERE lease_until IS NOT NULL")).ShouldBe(0, shop.Bot.Output);
        (await shop.SqlAsync("SELECT count(*) FROM resource_locks")).ShouldBe(0, shop.Bot.Output);
        shop.First.Heal();
        await shop.Bot.StartAsync();
        var history = await WishEndsAsync(shop, "latest");
        (history.Wishes[0].Status, history.Digest, history.RegistryDigest).ShouldBe(("done", good, good));
    }

    [Fact]
    public async Task Wish_Waits_For_A_Registry_That_Is_Away()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        var good = await PublishAsync(shop, "v1.0.0");
        await PublishAsync(shop, "v2.0.0");
        shop.First.On(request => request.Is("PUT", "/manifests/latest"), new ProxyFault.Answer(503), times: 1000);
        await shop.Api.PostAsync("api/v1/images/move", new { reference = shop.ReferenceInFirst("latest"), to = "v1.0.0", reason = "2.0.0 eats carts" });
        await Poll.UntilAsync(
            "the wish to wait", () => shop.Api.ImageAsync(shop.ReferenceInFirst("latest")), image => image.Wishes[0] is { Status: "pending", Outcome: not null },
            image => image.ToString());

        shop.First.Heal();

        var history = await WishEndsAsync(shop, "latest");
        (history.Wishes[0].Status, history.RegistryDigest).ShouldBe(("done", good));
    }

    [Theory]
    [InlineData(false, On.Sqlite)]
    [InlineData(true, On.Postgres)]
    public async Task Version_That_Somebody_Moved_Is_Told_And_Put_Back_Where_That_Is_Wished(bool restore, On on)
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts, on: on);
        shop.Settings["Publishing"] = new System.Text.Json.Nodes.JsonObject { ["RestoreVersions"] = restore };
        shop.Settings["Reconcile"] = new System.Text.Json.Nodes.JsonObject { ["Interval"] = "00:00:10" };
        await shop.Bot.StartAsync();
        var first = await PublishAsync(shop, "v1.0.0");
        var second = await PublishAsync(shop, "v2.0.0");
        await shop.FirstView.TagAsync(shop.Path, "v1.0.0", "latest");
        await shop.FirstView.TagAsync(shop.Path, "v2.0.0", "v1.0.0");

        await MakeDueAsync(shop);

        var reference = shop.ReferenceInFirst("v1.0.0");
        var history = await Poll.UntilAsync(
            "the drift to be found", () => shop.Api.ImageAsync(reference), image => image.Moves.Any(move => move.Verdict == (restore ? "restored" : "drifted")),
            image => image.ToString() + shop.Bot.Output);
        history.Digest.ShouldBe(first);
        var drift = history.Moves.Single(move => move.Verdict == "drifted");
        (drift.From, drift.To, drift.By).ShouldBe((first, second, "drift check"));
        (await shop.FirstView.DigestAsync(shop.Path, "v1.0.0")).ShouldBe(restore ? first : second);
        (history.Drift is null).ShouldBe(restore);
        var floating = await Poll.UntilAsync(
            "the floating tag's drift to be found", () => shop.Api.ImageAsync(shop.ReferenceInFirst("latest")), image => image.Moves[0].Verdict == "drifted",
            image => image.ToString() + shop.Bot.Output);
        (floating.Digest, floating.RegistryDigest, floating.Drift?.Digest).ShouldBe((second, first, first));
        await Poll.UntilAsync("the chat to be told", () => shop.Told("is no longer what was published").Count == 2, () => shop.Bot.Output);

        await MakeDueAsync(shop);
        await CheckedAgainAsync(shop);
        (await shop.Api.ImageAsync(reference)).Moves.Count(move => move.Verdict == "drifted").ShouldBe(1);
        shop.Told("is no longer what was published").Count.ShouldBe(2);
    }

    private static async Task<string> PublishAsync(ReleaseScenario shop, string tag)
    {
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PublishAsync(tag);
        return await shop.DigestAsync(tag);
    }

    private static Task<ApiImageHistory> WishEndsAsync(ReleaseScenario shop, string tag) => Poll.UntilAsync(
        "the wish to end", () => shop.Api.ImageAsync(shop.ReferenceInFirst(tag)), image => image.Wishes[0].Status != "pending",
        image => image + shop.Bot.Output);

    /// <summary>Has every version tag compared at the next round: what is new would wait for minutes, what is old for days.</summary>
    private static Task<long> MakeDueAsync(ReleaseScenario shop) =>
        shop.SqlAsync($"UPDATE tag_owners SET next_check_at = {shop.LongAgo} WHERE next_check_at IS NOT NULL");

    private static Task CheckedAgainAsync(ReleaseScenario shop) => Poll.UntilAsync(
        "every tag to be compared again", () => shop.SqlAsync($"SELECT count(*) FROM tag_owners WHERE next_check_at = {shop.LongAgo}"), due => due == 0, due => $"{due} are due");
}
