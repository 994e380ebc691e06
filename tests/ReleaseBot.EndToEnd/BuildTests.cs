using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

public sealed class BuildTests(ServiceParts parts)
{
    private const string Tag = "v1.0.0";

    [Fact]
    public async Task Dockerfile_That_Fails_Ends_The_Release_With_The_Words_Of_The_Builder()
    {
        await using var shop = await ReleaseScenario.ShareAsync(
            parts, Dockerfiles.Plain + """

                RUN ["/bin/busybox", "sh", "-c", "echo the compiler is unhappy; exit 3"]
                """);

        var release = await FailAsync(shop, "build-failed");

        release.Reason!.Message.ShouldContain("3");
        (await shop.Api.LogAsync(release.Id)).ShouldContain("the compiler is unhappy");
    }

    [Fact]
    public async Task Repository_Without_A_Dockerfile_Is_Told_So()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, dockerfile: null);

        (await FailAsync(shop, "dockerfile-missing")).Reason!.Message.ShouldContain("Dockerfile");
    }

    [Fact]
    public async Task Dockerfile_That_The_Rules_Leave_Out_Builds_The_Image_And_Is_Not_In_It()
    {
        await using var shop = await ReleaseScenario.ShareAsync(
            parts, Dockerfiles.Plain + """

                COPY . /all
                RUN ["/bin/busybox", "sh", "-c", "echo it has $(/bin/busybox ls -A /all)."]
                """);
        await ReleaseScenario.CommitAsync(shop.Clone, new() { [".dockerignore"] = "Dockerfile\n.dockerignore\n" });

        var release = await shop.PublishAsync(Tag);

        (await shop.Api.LogAsync(release.Id)).ShouldContain("it has busybox page.txt.");
    }

    [Fact]
    public async Task Build_That_Takes_Longer_Than_The_Rule_Allows_Is_Ended()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts, Dockerfiles.VerySlow);
        shop.Rule["Timeout"] = "00:00:06";
        await shop.Bot.StartAsync();

        await FailAsync(shop, "build-timeout");
    }

    [Fact]
    public async Task Private_Base_Image_Is_Pulled_With_The_Credentials_That_The_Rule_Names_And_Only_Then()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        var withoutPull = shop.Rule.DeepClone().AsObject();
        withoutPull["Path"] = $"{shop.Namespace}/other";
        shop.Settings["Projects"]!.AsArray().Insert(0, withoutPull);
        shop.Settings["Projects"]![1]!["Pull"] = new JsonArray("second");
        await shop.Bot.StartAsync();
        await shop.PublishAsync(Tag);
        var dockerfile = $"""
            FROM {shop.Second.Host}/{shop.Path}:{Tag}
            RUN ["/bin/busybox", "cat", "/version.txt"]
            """;

        await ReleaseScenario.CommitAsync(shop.Clone, new() { ["Dockerfile"] = dockerfile });
        var derived = await shop.PublishAsync("v2.0.0");
        var other = await shop.AddProjectAsync($"{shop.Namespace}/other", dockerfile);
        await ReleaseScenario.PushTagAsync(other, Tag);
        var refused = await shop.Api.WaitForEndAsync(other.Project.Path, Tag);

        (await shop.Api.LogAsync(derived.Id)).ShouldContain("building 1.0.0");
        refused.Status.ShouldBe("failed");
        refused.Reason!.Code.ShouldBe("build-failed");
    }

    [Fact]
    public async Task Engine_That_Is_Away_At_The_Start_Is_Waited_For()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        var socket = Path.Combine(shop.Bot.Folder, "d.sock");
        shop.Settings["Engine"]!["Endpoint"] = $"unix://{socket}";
        await shop.Bot.StartAsync("healthz/live");

        await shop.PushTagAsync(Tag);
        await shop.Api.WaitAsync(shop.Path, Tag, "waiting for the engine", release => release.Reason?.Code == "engine-unavailable");
        File.CreateSymbolicLink(socket, parts.Engine.Endpoint.AbsolutePath);

        (await shop.WaitForPublishedAsync(Tag)).Attempt.ShouldBe(1);
    }

    private static async Task<ApiRelease> FailAsync(ReleaseScenario shop, string code)
    {
        await shop.PushTagAsync(Tag);
        var release = await shop.WaitForEndAsync(Tag);
        release.Status.ShouldBe("failed");
        release.Reason.ShouldNotBeNull().Code.ShouldBe(code, release.Reason.Message);
        await shop.ShouldHoldNothingAsync(Tag);
        return release;
    }
}
