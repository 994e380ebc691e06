using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.Registry;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>The bot is killed as by <c>kill -9</c> and started again; its release continues where it was.</summary>
public sealed class CrashTests(ServiceParts parts)
{
    private const string Tag = "v1.0.0";

    // In order: what was finished before stays finished.
    public enum Moment
    {
        Verify,
        Source,
        Archive,
        FirstPush,
        FirstReadBack,
        SecondPush,
        SecondReadBack,
        Tags,
        JustBeforeTheEnd,
    }

    [Theory]
    [InlineData(Moment.Verify)]
    [InlineData(Moment.Source)]
    [InlineData(Moment.Archive)]
    [InlineData(Moment.FirstPush)]
    [InlineData(Moment.FirstReadBack)]
    [InlineData(Moment.SecondPush)]
    [InlineData(Moment.SecondReadBack)]
    [InlineData(Moment.Tags)]
    [InlineData(Moment.JustBeforeTheEnd)]
    public async Task Release_Of_A_Killed_Bot_Is_Published_Once(Moment moment)
    {
        await using var shop = await ReleaseScenario.StartAsync(parts);
        var reached = Stall(shop, moment);
        await shop.PushTagAsync(Tag);
        await reached();

        await shop.Bot.KillAsync();
        shop.First.Heal();
        shop.Second.Heal();
        await shop.Bot.StartAsync();

        var release = await shop.WaitForPublishedAsync(Tag);
        var digest = await shop.DigestAsync(Tag);
        (await shop.DigestAsync("latest")).ShouldBe(digest);
        release.Images.ShouldAllBe(image => image.Status == "pushed" && image.Digest == digest);
        release.Attempt.ShouldBe(1);
        (await shop.Api.ReleasesAsync(shop.Path)).Count.ShouldBe(1);
        ShouldHaveRepeatedNothing(shop, moment, await shop.Api.LogAsync(release.Id));
        await shop.WaitUntilToldAsync(Tag);
        (await shop.Bot.StopAsync()).ShouldBe(0);
        shop.Told(Tag).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Releases_That_Were_Building_And_Queued_When_The_Bot_Was_Killed_Are_Published_Once()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts, Dockerfiles.Slow);
        shop.Settings["Engine"]!["Concurrency"] = 1;
        var other = await shop.AddProjectAsync($"{shop.Namespace}/other");
        await shop.Bot.StartAsync();
        await shop.PushTagAsync(Tag);
        var building = await shop.Api.WaitAsync(shop.Path, Tag, "building", release => release.IsIn("build"));
        await ReleaseScenario.PushTagAsync(other, Tag);
        await shop.Api.WaitAsync(other.Project.Path, Tag, "queued", release => release.Status == "queued");
        await Poll.UntilAsync("the slow step", () => shop.Api.LogAsync(building.Id), log => log.Contains(Dockerfiles.SlowStep, StringComparison.Ordinal), log => log);

        await shop.Bot.KillAsync();
        await shop.Bot.StartAsync();

        var first = await shop.WaitForPublishedAsync(Tag);
        (await shop.Api.WaitForEndAsync(other.Project.Path, Tag)).Status.ShouldBe("published");
        await shop.DigestAsync(Tag);
        Times(await shop.Api.LogAsync(first.Id), "built sha256:").ShouldBe(1);
        shop.First.Count("PUT", $"/{shop.Path}/manifests/{Tag}").ShouldBe(1);
    }

    [Fact]
    public async Task Stopped_Bot_Hands_Its_Build_Back_And_The_Next_One_Publishes_It()
    {
        await using var shop = await ReleaseScenario.StartAsync(parts, Dockerfiles.VerySlow);
        await shop.PushTagAsync(Tag);
        var release = await shop.Api.WaitAsync(shop.Path, Tag, "building", release => release.IsIn("build"));
        await Poll.UntilAsync("the slow step", () => shop.Api.LogAsync(release.Id), log => log.Contains(Dockerfiles.SlowStep, StringComparison.Ordinal), log => log);

        (await shop.Bot.StopAsync()).ShouldBe(0);
        await shop.ShouldHoldNothingAsync(Tag);
        await shop.Bot.StartAsync();

        var published = await shop.WaitForPublishedAsync(Tag);
        (await shop.Api.LogAsync(published.Id)).ShouldContain("the worker stops; the release goes on at the next one");
        published.Attempt.ShouldBe(1);
    }

    private static void ShouldHaveRepeatedNothing(ReleaseScenario shop, Moment moment, string log)
    {
        Times(log, "built sha256:").ShouldBe(1, log);
        if (moment >= Moment.FirstPush)
        {
            log.ShouldContain("the image is built already");
        }

        if (moment >= Moment.FirstReadBack)
        {
            shop.First.Count("PUT", $"/manifests/{Tag}").ShouldBe(1, log);
        }

        if (moment >= Moment.SecondReadBack)
        {
            shop.Second.Count("PUT", $"/manifests/{Tag}").ShouldBe(1, log);
        }
    }

    /// <summary>Has the release come to a halt at a moment.</summary>
    /// <returns>Waits until it is there.</returns>
    private Func<Task> Stall(ReleaseScenario shop, Moment moment)
    {
        switch (moment)
        {
            case Moment.Verify:
                StallGitLab(StandInFaultKind.Slow, $"/projects/{shop.Project.Id}/repository/tags/{Tag}");
                return () => shop.Api.WaitAsync(shop.Path, Tag, "verifying", release => release.Status == "verifying");
            case Moment.Source:
                StallGitLab(StandInFaultKind.Slow, $"/projects/{shop.Project.Id}/repository/files/");
                return () => shop.Api.WaitAsync(shop.Path, Tag, "fetching", release => release.IsIn("source"));
            case Moment.Archive:
                StallGitLab(StandInFaultKind.ArchiveSlow, $"/projects/{shop.Project.Id}/repository/archive");
                return () => shop.Api.WaitAsync(shop.Path, Tag, "streaming its source", release => release.IsIn("build"));
            default:
                var reached = StallRegistry(shop, moment);
                return () => reached;
        }
    }

    // Once: the next bot's request is served.
    private void StallGitLab(StandInFaultKind kind, string request) =>
        parts.GitLab.AddFault(new StandInFault { Kind = kind, Matches = "GET /api/v4" + request, Times = 1, DelaySeconds = 60 });

    private static Task StallRegistry(ReleaseScenario shop, Moment moment) => moment switch
    {
        Moment.FirstPush => ReleaseScenario.StallAsync(shop.First, request => request.Is("PUT", $"/manifests/{Tag}")),
        Moment.FirstReadBack => ReleaseScenario.StallAsync(shop.First, request => IsReadBack(shop.First, request, Tag)),
        Moment.SecondPush => ReleaseScenario.StallAsync(shop.Second, request => request.Is("PUT", $"/manifests/{Tag}")),
        Moment.SecondReadBack => ReleaseScenario.StallAsync(shop.Second, request => IsReadBack(shop.Second, request, Tag)),
        Moment.Tags => ReleaseScenario.StallAsync(shop.First, request => request.Is("PUT", "/manifests/latest")),
        Moment.JustBeforeTheEnd => ReleaseScenario.StallAsync(shop.Second, request => IsReadBack(shop.Second, request, "latest")),
        _ => throw new ArgumentOutOfRangeException(nameof(moment), moment, "That is no moment of a registry."),
    };

    private static bool IsReadBack(FaultProxy proxy, ProxiedRequest request, string tag) =>
        request.Is("HEAD", $"/manifests/{tag}") && proxy.Count("PUT", $"/manifests/{tag}") > 0;

    private static int Times(string text, string part) => text.Split(part).Length - 1;
}
