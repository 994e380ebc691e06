using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>An operator ends what runs; what is true afterwards is said.</summary>
public sealed class CancelTests(ServiceParts parts)
{
    private const string Tag = "v1.0.0";

    [Fact]
    public async Task Build_That_Is_Canceled_Ends_At_The_Engine_And_Leaves_Nothing()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, Dockerfiles.Endless);
        await shop.PushTagAsync(Tag);
        var building = await shop.Api.WaitAsync(shop.Path, Tag, "in its build", release => release.IsIn("build"));
        await Poll.UntilAsync("the step to begin", () => shop.Api.LogAsync(building.Id), log => log.Contains(Dockerfiles.SlowStep, StringComparison.Ordinal), log => log);

        await shop.Api.PostAsync($"api/v1/releases/{building.Id}/cancel", null);

        var canceled = await shop.WaitForEndAsync(Tag);
        (canceled.Status, canceled.Reason?.Code).ShouldBe(("canceled", "canceled"));
        canceled.Images.ShouldAllBe(image => image.Status == "pending");
        // The step sleeps for an hour, and other tests have none that does.
        await Poll.UntilAsync("the step to end", () => !IsRunning(Dockerfiles.EndlessSleep), () => shop.Bot.Output);
        await shop.ShouldHoldNothingAsync(Tag);
        shop.Told(Tag).ShouldBeEmpty();
    }

    [Fact]
    public async Task Cancel_In_A_Push_Stops_Before_The_Next_Tag_And_Tells_What_Is_Pushed()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts, on: On.Postgres);
        // The read-back: the second registry has the version, and nobody has written it down yet.
        var reached = ReleaseScenario.StallAsync(
            shop.Second, request => request.Is("HEAD", $"{shop.Path}/manifests/{Tag}") && shop.Second.Count("PUT", $"/manifests/{Tag}") > 0);
        await shop.PushTagAsync(Tag);
        await reached;
        var pushing = (await shop.Api.FindAsync(shop.Path, Tag)).ShouldNotBeNull();

        await shop.Api.PostAsync($"api/v1/releases/{pushing.Id}/cancel", null);

        var canceled = await shop.WaitForEndAsync(Tag);
        var digest = await shop.DigestAsync(Tag);
        canceled.Status.ShouldBe("canceled");
        canceled.Images.Where(image => !image.Floating).ShouldAllBe(image => image.Status == "pushed" && image.Digest == digest);
        canceled.Images.Where(image => image.Floating).ShouldAllBe(image => image.Status == "pending");
        await shop.ShouldHoldNothingAsync("latest");
        (await shop.Api.ImageAsync($"{shop.Second.Host}/{shop.Path}:{Tag}")).Digest.ShouldBe(digest);
    }

    [Fact]
    public async Task Cancel_Ends_The_Release_Though_A_Registry_Answers_Nothing()
    {
        await using var shop = await ReleaseScenario.ShareAsync(parts);
        var reached = ReleaseScenario.StallAsync(
            shop.Second, request => request.Path.Contains(shop.Path, StringComparison.Ordinal) && shop.First.Count("PUT", $"/manifests/{Tag}") > 0);
        await shop.PushTagAsync(Tag);
        await reached;
        var pushing = (await shop.Api.FindAsync(shop.Path, Tag)).ShouldNotBeNull();

        await shop.Api.PostAsync($"api/v1/releases/{pushing.Id}/cancel", null);

        var canceled = await shop.WaitForEndAsync(Tag);
        (canceled.Status, canceled.Reason?.Code).ShouldBe(("canceled", "canceled"));
        (await shop.Api.LogAsync(canceled.Id)).ShouldNotContain("an unexpected fault");
    }

    private static bool IsRunning(string argument) => Directory.EnumerateDirectories("/proc").Any(process =>
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0').Contains(argument);
        }
        catch (IOException)
        {
            return false;
        }
    });
}
