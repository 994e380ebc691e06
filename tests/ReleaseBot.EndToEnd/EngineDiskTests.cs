using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.Registry;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>An engine whose disk is small, and full.</summary>
public sealed class EngineDiskTests(ServiceParts parts) : IAsyncLifetime
{
    private const int Megabyte = 1_000_000;

    private DockerDaemon? _engine;

    private DockerDaemon Engine => _engine ?? throw new InvalidOperationException("The test has not begun.");

    public async ValueTask InitializeAsync() => _engine = await DockerDaemon.StartAsync(new DockerDaemonOptions { DiskSize = 200 * Megabyte });

    public ValueTask DisposeAsync() => Engine.DisposeAsync();

    [Theory]
    [InlineData("BuildKit")]
    [InlineData("Classic")]
    public async Task Build_That_Does_Not_Fit_Is_Tried_Once_More_And_Refused_And_The_Next_One_Fits(string builder)
    {
        await using var shop = await StartAsync(minimumFree: 0, builder);
        await ReleaseScenario.CommitAsync(shop.Clone, new() { ["Dockerfile"] = Filling(300) });
        await shop.PushTagAsync("v1.0.0");

        var refused = await shop.WaitForEndAsync("v1.0.0");

        (refused.Status, refused.Reason?.Code).ShouldBe(("failed", "engine-full"), await shop.Api.LogAsync(refused.Id));
        (await shop.Api.LogAsync(refused.Id)).ShouldContain("emptying the build cache, then trying once more");
        await shop.ShouldHoldNothingAsync("v1.0.0");
        await ReleaseScenario.CommitAsync(shop.Clone, new() { ["Dockerfile"] = Dockerfiles.Plain });
        await shop.PublishAsync("v1.0.1");
    }

    [Fact]
    public async Task Cache_Makes_Room_For_A_Build_And_Where_That_Does_Not_Do_The_Release_Waits_Without_A_Build()
    {
        await using var shop = await StartAsync(minimumFree: 100 * Megabyte, "BuildKit");
        await ReleaseScenario.CommitAsync(shop.Clone, new() { ["Dockerfile"] = Cached(120) });
        await shop.PublishAsync("v1.0.0");
        Free().ShouldBeLessThan(100 * Megabyte);

        await ReleaseScenario.CommitAsync(shop.Clone, new() { ["Dockerfile"] = Dockerfiles.Plain });
        var second = await shop.PublishAsync("v1.1.0");

        (await shop.Api.LogAsync(second.Id)).ShouldContain("Emptying the build cache.");
        Free().ShouldBeGreaterThan(100 * Megabyte);

        var stranger = Path.Combine(Engine.DataFolder, "stranger");
        await File.WriteAllBytesAsync(stranger, new byte[120 * Megabyte], TestContext.Current.CancellationToken);
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PushTagAsync("v1.2.0");
        await shop.Api.WaitAsync(shop.Path, "v1.2.0", "waiting for room", release => release is { Status: "queued", Reason.Code: "engine-full" });

        File.Delete(stranger);

        (await shop.WaitForPublishedAsync("v1.2.0")).Attempt.ShouldBe(1);
    }

    [Fact]
    public async Task Cache_Is_Cut_To_Its_Budget_After_A_Release_And_The_Image_Of_One_That_Waits_Is_Kept()
    {
        await using var shop = await StartAsync(minimumFree: 0, "BuildKit", budget: 30 * Megabyte);
        var other = await shop.AddProjectAsync($"{shop.Namespace}/other");
        foreach (var registry in new[] { shop.First, shop.Second })
        {
            registry.On(request => request.Path.Contains($"{shop.Path}/", StringComparison.Ordinal), new ProxyFault.Answer(503), times: int.MaxValue);
        }

        await shop.PushTagAsync("v1.0.0");
        var waiting = await shop.Api.WaitAsync(shop.Path, "v1.0.0", "waiting for a registry", release => release is { Status: "pushing", Reason.Code: "registry-unavailable" });
        var filling = await CacheAsync();
        await ReleaseScenario.CommitAsync(other, new() { ["Dockerfile"] = Cached(80) });
        await ReleaseScenario.PushTagAsync(other, "v1.0.0");
        var published = await shop.Api.WaitForEndAsync(other.Project.Path, "v1.0.0");
        published.Status.ShouldBe("published", await shop.Api.LogAsync(published.Id));

        var cut = await Poll.UntilAsync("the cache to be cut", CacheAsync, bytes => bytes <= 30 * Megabyte, bytes => $"it has {bytes / Megabyte} MB\n{shop.Bot.Output}");
        // The engine has cut it before it answers, and the answer is what is told.
        await Poll.UntilAsync(
            "the cut to be told", () => Task.FromResult(shop.Bot.Output), output => output.Contains("Build cache over its budget", StringComparison.Ordinal), output => output);
        filling.ShouldBeLessThan(30 * Megabyte, "or it is not the second build that is cut");
        cut.ShouldBeLessThanOrEqualTo(30 * Megabyte);
        (await ImagesAsync()).ShouldHaveSingleItem().ShouldContain(waiting.Id.ToString("N"));
        shop.First.Heal();
        shop.Second.Heal();
        var late = await shop.WaitForPublishedAsync("v1.0.0");
        (await shop.Api.LogAsync(late.Id)).Split("built sha256:").Length.ShouldBe(2, "one build");
        await Poll.UntilAsync("its image to go, too", ImagesAsync, images => images.Count == 0, images => string.Join(' ', images));
    }

    private async Task<long> CacheAsync() =>
        (await Engine.GetAsync("/system/df?type=build-cache", TestContext.Current.CancellationToken)).GetProperty("BuildCache").EnumerateArray()
            .Where(record => !record.GetProperty("Shared").GetBoolean()).Sum(record => record.GetProperty("Size").GetInt64());

    /// <summary>The local images of releases.</summary>
    private async Task<IReadOnlyList<string>> ImagesAsync() =>
    [
        .. (await Engine.GetAsync("/images/json", TestContext.Current.CancellationToken)).EnumerateArray()
            .SelectMany(image => image.GetProperty("RepoTags").EnumerateArray()).Select(tag => tag.GetString()!)
            .Where(tag => tag.StartsWith("releasebot/", StringComparison.Ordinal)),
    ];

    /// <summary>What the cache alone keeps: the image is another stage.</summary>
    private static string Cached(int megabytes) =>
        $"""
        FROM scratch AS big
        COPY busybox /bin/busybox
        RUN ["/bin/busybox", "dd", "if=/dev/zero", "of=/big", "bs=1000000", "count={megabytes}"]
        RUN ["/bin/busybox", "touch", "/done"]
        FROM scratch
        COPY page.txt /page.txt
        COPY --from=big /done /done
        """;

    private static string Filling(int megabytes) =>
        $"""
        FROM scratch
        COPY busybox /bin/busybox
        RUN ["/bin/busybox", "dd", "if=/dev/zero", "of=/big", "bs=1000000", "count={megabytes}"]
        """;

    private long Free() => new DriveInfo(Engine.DataFolder).AvailableFreeSpace;

    private async Task<ReleaseScenario> StartAsync(long minimumFree, string builder, long budget = 20_000 * (long)Megabyte)
    {
        var shop = await ReleaseScenario.CreateAsync(parts);
        try
        {
            shop.Settings[nameof(Engine)] = new JsonObject { ["Endpoint"] = Engine.Endpoint.ToString(), ["Builder"] = builder, ["MinimumFree"] = minimumFree, ["CacheBudget"] = budget };
            await shop.Bot.StartAsync();
            return shop;
        }
        catch
        {
            await shop.DisposeAsync();
            throw;
        }
    }
}
