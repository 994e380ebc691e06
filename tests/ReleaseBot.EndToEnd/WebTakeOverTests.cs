using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.GitLab;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>Two web processes, one of which ends while it asks GitLab: the other asks in its place.</summary>
public sealed class WebTakeOverTests(ServiceParts parts)
{
    /// <summary>Longer than a killed process is waited for, shorter than GitLab keeps its question waiting.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("killed")]
    [InlineData("stopped")]
    public async Task Another_Web_Process_Verifies_What_One_Had_Begun_To(string end)
    {
        await using var shop = await CreateAsync();
        await shop.Bot.StartAsync("healthz/live");
        Stall(shop);
        await shop.PushTagAsync("v1.0.0");
        await shop.Api.WaitAsync(shop.Path, "v1.0.0", "asked about", release => release is { Status: "verifying" } && release.IsIn("verify"));
        await using BotProcess other = new(shop.Settings, shop.Secrets) { Roles = "web" };
        await other.StartAsync("healthz/live");
        var ended = TimeProvider.System.GetTimestamp();

        if (end == "killed")
        {
            await shop.Bot.KillAsync();
        }
        else
        {
            (await shop.Bot.StopAsync()).ShouldBe(0, shop.Bot.Output);
        }

        await other.Api.WaitAsync(shop.Path, "v1.0.0", "verified", release => release.Status == "queued");
        TimeProvider.System.GetElapsedTime(ended).ShouldBeLessThan(Soon);
    }

    /// <summary>The web role alone, over a PostgreSQL, with a bus that is away: it is not needed.</summary>
    private async Task<ReleaseScenario> CreateAsync()
    {
        var shop = await ReleaseScenario.CreateAsync(parts, on: On.Postgres);
        shop.Settings["Bus"] = new JsonObject { ["Transport"] = "RabbitMq" };
        shop.Secrets["Bus__Uri"] = $"amqp://guest:guest@127.0.0.1:{Ports.Free()}/";
        shop.Bot.Roles = "web";
        return shop;
    }

    // Once: the other process's question is answered.
    private void Stall(ReleaseScenario shop) => parts.GitLab.AddFault(new StandInFault
    {
        Kind = StandInFaultKind.Slow,
        Matches = $"GET /api/v4/projects/{shop.Project.Id}/repository/tags/v1.0.0",
        Times = 1,
        DelaySeconds = 300,
    });
}
