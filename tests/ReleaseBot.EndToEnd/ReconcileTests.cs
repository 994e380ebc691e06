using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

public sealed class ReconcileTests(ServiceParts parts)
{
    [Fact]
    public async Task Tags_That_No_Hook_Told_Of_Are_Found_But_Not_Those_From_Before_The_Project_Was_Known()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        shop.Settings["Reconcile"] = new JsonObject { ["Interval"] = "00:00:01" };
        shop.RemoveHooks();
        await shop.PushTagAsync("v0.9.0");
        await shop.Bot.StartAsync();
        await Poll.UntilAsync("the baseline", () => shop.Bot.Output.Contains("are the baseline", StringComparison.Ordinal), () => shop.Bot.Output);

        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PushTagAsync("v1.0.0");
        (await shop.WaitForPublishedAsync("v1.0.0")).Trigger.Kind.ShouldBe("reconcile");

        (await shop.Bot.StopAsync()).ShouldBe(0);
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PushTagAsync("v1.1.0");
        await shop.Bot.StartAsync();
        (await shop.WaitForPublishedAsync("v1.1.0")).Trigger.Kind.ShouldBe("reconcile");
        (await shop.DigestAsync("latest")).ShouldBe(await shop.DigestAsync("v1.1.0"));

        (await shop.Api.ReleasesAsync(shop.Path)).Select(release => release.Ref.Name).ShouldBe(["v1.1.0", "v1.0.0"]);
        await shop.ShouldHoldNothingAsync("v0.9.0");
    }

    [Fact]
    public async Task Command_Publishes_A_Tag_Of_The_Baseline_And_Tells_By_Its_Exit_Code()
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        await shop.PushTagAsync("v1.0.0");
        await shop.PushTagAsync("unprotected");
        await shop.Bot.StartAsync();

        var (exitCode, output) = await shop.Bot.CommandAsync("publish", shop.Path, "v1.0.0", "--wait");
        var refused = await shop.Bot.CommandAsync("publish", shop.Path, "unprotected", "--wait");
        var list = await shop.Bot.CommandAsync("releases", "--project", shop.Path, "--json");

        exitCode.ShouldBe(0, output);
        output.ShouldContain(await shop.DigestAsync("v1.0.0"));
        (await shop.Api.FindAsync(shop.Path, "v1.0.0"))!.Trigger.ShouldBe(new ApiTrigger("manual", "test"));
        refused.ExitCode.ShouldBe(1, refused.Output);
        refused.Output.ShouldContain("ref-not-protected");
        list.ExitCode.ShouldBe(0);
        list.Output.ShouldContain("\"published\"");
    }
}
