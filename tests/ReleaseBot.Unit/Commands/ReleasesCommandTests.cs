using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Commands;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Commands;

public sealed class ReleasesCommandTests
{
    private const string Route = "GET /api/v1/releases";

    [Fact]
    public async Task Redirected_It_Prints_A_Line_Each_With_Tabs_Between()
    {
        await using var api = (await StandInApi.StartAsync()).On(Route, Page(null, StandInApi.Release("published")));
        CommandRun run = new();

        (await run.InvokeAsync("releases", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldBe($"status\tproject\tref\tversion\timages\tstarted\tduration\tid\npublished\tacme/shop\tv1.2.3\t1.2.3\t2\t2026-11-24T10:00:05Z\t125\t{StandInApi.Id}\n");
        api.Requests.ShouldHaveSingleItem().Query.ShouldBe("?limit=50");
    }

    [Fact]
    public async Task A_Release_That_Has_Not_Started_Has_No_Time_Of_Its_Start()
    {
        var waiting = StandInApi.Release("queued")
            .Replace("\"startedAt\": \"2026-11-24T10:00:05Z\", \"finishedAt\": \"2026-11-24T10:02:10Z\"", "\"startedAt\": null, \"finishedAt\": null", StringComparison.Ordinal);
        await using var api = (await StandInApi.StartAsync()).On(Route, Page(null, waiting));
        CommandRun piped = new();
        CommandRun shown = new() { IsTerminal = true, Time = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-24T13:05:00Z", null)) };

        (await piped.InvokeAsync("releases", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);
        (await shown.InvokeAsync("releases", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        piped.Out.ShouldEndWith($"\nqueued\tacme/shop\tv1.2.3\t1.2.3\t2\t\t\t{StandInApi.Id}\n");
        shown.Out.ShouldNotContain("ago");
    }

    [Fact]
    public async Task A_Full_Disk_Behind_The_Output_Is_Told()
    {
        await using var api = (await StandInApi.StartAsync()).On(Route, Page(null, StandInApi.Release("published")));
        foreach (var option in new[] { "--limit=1", "--json" })
        {
            CommandRun run = new() { OutputFault = new IOException("No space left on device") };

            (await run.InvokeAsync("releases", option, "--server", api.Address.ToString())).ShouldBe(ExitCode.Failed, option);

            run.Error.ShouldBe("releasebot: the output can't be written: No space left on device.\n", option);
        }
    }

    [Fact]
    public async Task On_A_Terminal_It_Prints_A_Table_With_Relative_Times_And_The_Whole_Id()
    {
        await using var api = (await StandInApi.StartAsync()).On(Route, Page(null, StandInApi.Release("published"), StandInApi.Release("[bold]")));
        CommandRun run = new() { IsTerminal = true, Time = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-24T13:05:00Z", null)) };

        (await run.InvokeAsync("releases", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldContain("Project");
        run.Out.ShouldContain("3h ago");
        run.Out.ShouldContain("2m 5s");
        run.Out.ShouldContain(StandInApi.Id);
        run.Out.ShouldContain("[bold]");
    }

    [Fact]
    public async Task A_Status_That_Does_Not_Exist_Is_Told_In_Our_Words()
    {
        CommandRun run = new();

        (await run.InvokeAsync("releases", "--status", "publishd", "--status", "bogus")).ShouldBe(ExitCode.Invalid);

        run.Error.ShouldStartWith("releasebot: --status \"publishd\" is no status. Did you mean published? Legal are verifying, queued, building, ");
        run.Error.ShouldContain("releasebot: --status \"bogus\" is no status. Legal are verifying, ");
        run.Error.ShouldContain("Example: releasebot releases");
    }

    [Fact]
    public async Task An_Empty_Table_Tells_The_Next_Step()
    {
        await using var api = (await StandInApi.StartAsync()).On(Route, Page(null));
        CommandRun run = new() { IsTerminal = true };

        (await run.InvokeAsync("releases", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldBe("No releases. Push a protected tag, or ask for one: releasebot publish PROJECT REF\n");
    }

    [Fact]
    public async Task Pages_Are_Followed_Up_To_The_Limit_And_Json_Loses_Nothing()
    {
        await using var api = (await StandInApi.StartAsync()).On(Route,
            Page("cursor+1", [.. Enumerable.Range(0, 200).Select(n => $$"""{ "id": "{{n}}", "unknown": [{{n}}] }""")]),
            Page("cursor2", [.. Enumerable.Range(200, 50).Select(n => $$"""{ "id": "{{n}}" }""")]));
        CommandRun run = new();

        (await run.InvokeAsync("releases", "--limit", "250", "--json", "--project", "acme/shop", "--status", "failed", "--status", "Rejected", "--server", api.Address.ToString()))
            .ShouldBe(ExitCode.Ok);

        var items = JsonDocument.Parse(run.Out).RootElement.EnumerateArray().ToList();
        items.Select(item => item.GetProperty("id").GetString()).ShouldBe(Enumerable.Range(0, 250).Select(n => $"{n}"));
        items[7].GetProperty("unknown")[0].GetInt32().ShouldBe(7);
        api.Requests.Select(request => request.Query).ShouldBe(
        [
            "?limit=200&project=acme%2Fshop&status=failed&status=rejected",
            "?limit=50&project=acme%2Fshop&status=failed&status=rejected&cursor=cursor%2B1",
        ]);
    }

    [Theory]
    [InlineData("releases", "--status", "finished")]
    [InlineData("releases", "--limit", "0")]
    [InlineData("releases", "all")]
    public async Task Wrong_Usage_Ends_With_2(params string[] arguments)
    {
        CommandRun run = new();

        (await run.InvokeAsync(arguments)).ShouldBe(ExitCode.Invalid);

        run.Error.ShouldContain("See \"releasebot releases --help\".");
    }

    private static string Page(string? next, params string[] items) =>
        $$"""{ "items": [{{string.Join(',', items)}}], "next": {{(next is null ? "null" : $"\"{next}\"")}} }""";
}
