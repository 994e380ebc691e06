using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.Registry;
using Xunit;

namespace ReleaseBot.EndToEnd;

public sealed class RegistryTroubleTests(ServiceParts parts)
{
    private const string Tag = "v1.0.0";

    [Theory]
    [InlineData("first", "second", false, On.Sqlite)]
    [InlineData("second", "first", false, On.Postgres)]
    [InlineData("first", "second", true, On.Sqlite)]
    public async Task Registry_That_Is_Away_Is_Waited_For_Without_A_Slot_And_Served_Without_A_Rebuild(string down, string up, bool hangs, On on)
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts, on: on);
        shop.Settings["Engine"]!["Concurrency"] = 1;
        var otherRule = shop.Rule.DeepClone().AsObject();
        otherRule["Path"] = $"{shop.Namespace}/other";
        otherRule["Images"]!.AsArray().RemoveAt(down == "first" ? 0 : 1);
        shop.Settings["Projects"]!.AsArray().Insert(0, otherRule);
        var other = await shop.AddProjectAsync($"{shop.Namespace}/other");
        var proxy = down == "first" ? shop.First : shop.Second;
        proxy.On(_ => true, hangs ? new ProxyFault.Silence() : new ProxyFault.Cut(), times: 10_000);
        await shop.Bot.StartAsync();

        await shop.PushTagAsync(Tag);
        var waiting = await shop.Api.WaitAsync(
            shop.Path, Tag, $"waiting for {down}", release => release is { Status: "pushing", Reason.Code: "registry-unavailable" } && release.Image(up, Tag).Status == "pushed");
        waiting.Reason!.Message.ShouldContain(down);
        waiting.Images.Where(image => image.Floating || image.Registry == down).ShouldAllBe(image => image.Status == "pending");
        await ReleaseScenario.PushTagAsync(other, Tag);
        (await shop.Api.WaitForEndAsync(other.Project.Path, Tag)).Status.ShouldBe("published");
        var still = (await shop.Api.FindAsync(shop.Path, Tag))!;
        still.Status.ShouldBe("pushing");
        still.Reason!.Code.ShouldBe("registry-unavailable");
        proxy.Heal();

        var published = await shop.WaitForPublishedAsync(Tag);
        (await shop.DigestAsync("latest")).ShouldBe(await shop.DigestAsync(Tag));
        published.Images.ShouldAllBe(image => image.Status == "pushed");
        published.Reason.ShouldBeNull();
        (await shop.Api.LogAsync(published.Id)).Split("built sha256:").Length.ShouldBe(2);
    }

    [Fact]
    public async Task Registry_That_Never_Takes_A_Layer_From_The_Engine_Gets_A_Copy()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, on: On.Postgres);
        // The engine's way to upload a layer, and not that of a copy.
        shop.First.On(request => request.Is("PATCH", "/blobs/uploads/"), new ProxyFault.Silence(), times: 1000);

        var release = await shop.PublishAsync(Tag);

        (await shop.DigestAsync("latest")).ShouldBe(await shop.DigestAsync(Tag));
        var log = await shop.Api.LogAsync(release.Id);
        log.ShouldContain("first is away: ");
        log.Split("built sha256:").Length.ShouldBe(2);
    }

    [Fact]
    public async Task Engine_That_A_Passing_Fault_Kept_From_Logging_In_Does_Not_Fail_The_Release()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        // The engine asks so how to log in; after a 500 it pushes without, and is refused.
        var asked = 0;
        shop.First.On(request => request is { Method: "GET", Path: "/v2/", Authorization: null } && Interlocked.Increment(ref asked) == 1, new ProxyFault.Answer(500), times: 1);

        var release = await shop.PublishAsync(Tag);

        asked.ShouldBeGreaterThan(0);
        await shop.DigestAsync(Tag);
        (await shop.Api.LogAsync(release.Id)).ShouldContain("though the registry takes these credentials");
    }

    [Fact]
    public async Task Registry_That_Stands_Still_In_The_Middle_Of_A_Push_Is_Left_For_The_Other()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        // From the first byte of a layer on, nothing is answered any more.
        var reached = ReleaseScenario.StallAsync(
            shop.First, request => shop.First.Requests.Any(earlier => earlier.Is("PATCH", "/blobs/uploads/")) || request.Is("PATCH", "/blobs/uploads/"));
        await shop.PushTagAsync(Tag);
        await reached;

        var waiting = await shop.Api.WaitAsync(
            shop.Path, Tag, "in the other registry", release => release is { Status: "pushing", Reason.Code: "registry-unavailable" } && release.Image("second", Tag).Status == "pushed");

        waiting.Image("first", Tag).Reason.ShouldNotBeNull().Message.ShouldContain("answers nothing");
        shop.First.Heal();
        await shop.WaitForPublishedAsync(Tag);
        (await shop.DigestAsync("latest")).ShouldBe(await shop.DigestAsync(Tag));
    }

    [Theory]
    [InlineData("first", On.Sqlite)]
    [InlineData("second", On.Postgres)]
    public async Task Faults_In_The_Middle_Of_A_Push_Delay_It_And_No_More(string registry, On on)
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, on: on);
        var proxy = registry == "first" ? shop.First : shop.Second;
        proxy.On(request => request.Is("POST", "/blobs/uploads/"), new ProxyFault.Answer(429) { Headers = new Dictionary<string, string> { ["Retry-After"] = "1" } });
        proxy.On(request => request.Is("PATCH", "/blobs/uploads/"), new ProxyFault.Cut(AfterBytes: 1000));
        proxy.On(request => request.Is("PUT", $"/manifests/{Tag}"), new ProxyFault.Answer(500, """{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}"""));
        proxy.On(request => request.Is("PUT", "/manifests/latest"), new ProxyFault.Answer(503), times: 2);

        var release = await shop.PublishAsync(Tag);

        (await shop.DigestAsync("latest")).ShouldBe(await shop.DigestAsync(Tag));
        (await shop.Api.LogAsync(release.Id)).Split("built sha256:").Length.ShouldBe(2);
    }

    [Theory]
    [InlineData("first")]
    [InlineData("second")]
    public async Task Wrong_Password_Fails_The_Release_Before_Anything_Is_Built(string registry)
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        shop.Secrets[$"Registries__{registry}__Password"] = "not-the-password";
        await shop.Bot.StartAsync();

        await shop.PushTagAsync(Tag);
        var release = await shop.WaitForEndAsync(Tag);

        release.Status.ShouldBe("failed");
        release.Reason.ShouldNotBeNull().Code.ShouldBe("push-denied");
        (await shop.Api.LogAsync(release.Id)).ShouldNotContain("built sha256:");
        await shop.ShouldHoldNothingAsync(Tag);
        await shop.WaitUntilToldAsync(Tag);
        foreach (var image in release.Images)
        {
            var isDenied = image.Registry == registry && !image.Floating;
            (image.Status, image.Reason?.Code).ShouldBe(isDenied ? ("failed", "push-denied") : ("pending", null), image.Reference);
        }
    }

    [Fact]
    public async Task Registry_That_Denies_The_Push_Marks_Its_Own_Image_And_No_Other()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, on: On.Postgres);
        shop.Second.On(
            request => request.Is("PUT", $"/manifests/{Tag}"), new ProxyFault.Answer(403, """{"errors":[{"code":"DENIED","message":"quota exceeded"}]}"""), times: 1000);

        await shop.PushTagAsync(Tag);
        var release = await shop.WaitForEndAsync(Tag);

        (release.Status, release.Reason?.Code).ShouldBe(("failed", "push-denied"));
        release.Images.Select(image => (image.Registry, image.Floating, image.Status, image.Reason?.Code)).ShouldBe(
            [
                ("first", false, "pushed", null), ("first", true, "pending", null),
                ("second", false, "failed", "push-denied"), ("second", true, "pending", null),
            ],
            ignoreOrder: true);
        shop.Second.Heal();
        await shop.Api.PostAsync($"api/v1/releases/{release.Id}/retry", null);
        (await shop.WaitForPublishedAsync(Tag)).Images.ShouldAllBe(image => image.Status == "pushed" && image.Reason == null);
        await shop.DigestAsync(Tag);
        (await shop.Api.LogAsync(release.Id)).Split("built sha256:").Length.ShouldBe(2);
    }

    [Fact]
    public async Task Tag_That_A_Registry_Holds_Immutable_Ends_The_Release_In_The_Registrys_Words_And_A_Retry_Builds_Nothing()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        const string Refusal = """{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable and can't be overwritten"}]}""";
        shop.First.On(request => request.Is("PUT", $"/manifests/{Tag}"), new ProxyFault.Answer(400, Refusal), times: 1000);

        await shop.PushTagAsync(Tag);
        var release = await shop.WaitForEndAsync(Tag);

        (release.Status, release.Reason?.Code).ShouldBe(("failed", "push-failed"));
        release.Reason!.Message.ShouldContain("immutable");
        release.Images.ShouldAllBe(image => image.Status == (image.Registry == "first" && !image.Floating ? "failed" : "pending"));
        await shop.ShouldHoldNothingAsync(Tag);
        shop.First.Heal();
        await shop.Api.PostAsync($"api/v1/releases/{release.Id}/retry", null);
        (await shop.WaitForPublishedAsync(Tag)).Attempt.ShouldBe(2);
        (await shop.Api.LogAsync(release.Id)).Split("built sha256:").Length.ShouldBe(2);
    }

    [Fact]
    public async Task Registry_That_Stays_Away_Is_Given_Up_With_The_State_Of_Each_Image()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts, on: On.Postgres);
        shop.Settings["Publishing"] = new JsonObject { ["GiveUpAfter"] = "00:00:05" };
        shop.Second.On(_ => true, new ProxyFault.Answer(503), times: 10_000);
        await shop.Bot.StartAsync();

        await shop.PushTagAsync(Tag);
        var release = await shop.WaitForEndAsync(Tag);

        (release.Status, release.Reason?.Code).ShouldBe(("failed", "registry-unavailable"));
        release.Images.Select(image => (image.Registry, image.Floating, image.Status, image.Reason?.Code)).ShouldBe(
            [
                ("first", false, "pushed", null), ("first", true, "pending", "registry-unavailable"),
                ("second", false, "failed", "registry-unavailable"), ("second", true, "pending", "registry-unavailable"),
            ],
            ignoreOrder: true);
        (await shop.FirstView.DigestAsync(shop.Path, "latest")).ShouldBeNull();
        await shop.WaitUntilToldAsync(Tag);
    }

    [Fact]
    public async Task Version_That_Somebody_Else_Pushed_Is_Not_Overwritten()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        await OccupyAsync(shop, "v1.1.0");

        await shop.PushTagAsync("v1.1.0");
        var release = await shop.WaitForEndAsync("v1.1.0");

        release.Status.ShouldBe("rejected");
        release.Reason.ShouldNotBeNull().Code.ShouldBe("version-exists");
        (await shop.Api.LogAsync(release.Id)).ShouldNotContain("built sha256:");
        (await shop.Api.ImageAsync(shop.ReferenceInFirst("v1.1.0"))).Moves.Select(move => (move.Verdict, move.By)).ShouldBe([("refused", "release")]);
        (await shop.FirstView.DigestAsync(shop.Path, "v1.1.0")).ShouldBe(await shop.DigestAsync(Tag));
        (await shop.SecondView.DigestAsync(shop.Path, "v1.1.0")).ShouldBeNull();
    }

    [Fact]
    public async Task Version_That_Somebody_Else_Pushed_Is_Overwritten_Where_The_Rule_Allows_It()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts, on: On.Postgres);
        shop.Rule["Overwrite"] = JsonValue.Create("Allow");
        await shop.Bot.StartAsync();
        await OccupyAsync(shop, "v1.1.0");

        await shop.PublishAsync("v1.1.0");

        (await shop.DigestAsync("v1.1.0")).ShouldNotBe(await shop.DigestAsync(Tag));
    }

    private static async Task OccupyAsync(ReleaseScenario shop, string tag)
    {
        await shop.PublishAsync(Tag);
        await shop.FirstView.TagAsync(shop.Path, Tag, tag);
        await ReleaseScenario.CommitAsync(shop.Clone, []);
    }
}
