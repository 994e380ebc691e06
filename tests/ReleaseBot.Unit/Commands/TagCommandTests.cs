using System.Text.Json;
using ReleaseBot.Commands;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Commands;

public sealed class TagCommandTests
{
    private const string Latest = "registry.example/acme/shop:latest";
    private const string Move = "POST /api/v1/images/move";
    private const string Images = "GET /api/v1/images";

    [Fact]
    public async Task Promoting_Sends_The_Reason_And_Tells_That_A_Worker_Will_Do_It()
    {
        await using var api = (await StandInApi.StartAsync()).On(Move, Wish("pending"));
        CommandRun run = new();

        (await run.InvokeAsync("promote", Latest, "v1.2.2", "--reason", "1.2.3 eats carts", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldBe($"pending {Latest} to v1.2.2: a worker will do it; see it with GET /api/v1/images\n");
        JsonDocument.Parse(api.Requests.ShouldHaveSingleItem().Body).RootElement.ToString()
            .ShouldBe($$"""{"reference":"{{Latest}}","to":"v1.2.2","reason":"1.2.3 eats carts"}""");
    }

    [Theory]
    [InlineData("done", "1.2.3 eats carts", 0)]
    [InlineData("failed", "given up after 1.00:00:00", 1)]
    [InlineData("overtaken", "a release moved it", 1)]
    public async Task Waiting_Ends_With_The_Wish(string status, string outcome, int code)
    {
        await using var api = (await StandInApi.StartAsync())
            .On(Move, Wish("pending"))
            .On(Images, $$"""{"wishes":[{{Wish("pending")}}]}""", $$"""{"wishes":[{{Wish(status, outcome)}}]}""");
        CommandRun run = new();

        (await run.InvokeAsync("promote", Latest, "v1.2.2", "--reason", "why", "--wait", "--server", api.Address.ToString())).ShouldBe(code);

        run.Out.ShouldBe($"{status} {Latest} to v1.2.2: {outcome}\n");
    }

    [Fact]
    public async Task A_Release_Is_Retracted_By_Its_Id_And_A_Stray_By_Its_Reference()
    {
        await using var api = (await StandInApi.StartAsync())
            .On($"POST /api/v1/releases/{StandInApi.Id}/retract", """{"wishes":[]}""")
            .On("POST /api/v1/images/retract", """{"wishes":[]}""");
        CommandRun run = new();

        (await run.InvokeAsync("retract", StandInApi.Id, "--reason", "a secret is in it", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);
        (await run.InvokeAsync("retract", "registry.example/acme/shop:v9.9.9", "--reason", "not ours", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldBe($"retracted {StandInApi.Id}\nretracted registry.example/acme/shop:v9.9.9\n");
        api.Requests.Select(request => request.Body).ShouldBe(
            ["""{"reason":"a secret is in it"}""", """{"reference":"registry.example/acme/shop:v9.9.9","reason":"not ours"}"""]);
    }

    [Theory]
    [InlineData("publish", null, 0)]
    [InlineData("reject", "tag-taken", 1)]
    [InlineData("duplicate", "already-accepted", 0)]
    public async Task A_Plan_Is_Told_Line_By_Line(string verdict, string? reason, int code)
    {
        await using var api = (await StandInApi.StartAsync()).On("POST /api/v1/plan", $$"""
            {
              "project": { "id": 7, "path": "acme/shop", "url": null }, "ref": { "kind": "tag", "name": "v1.2.3", "protected": true },
              "commit": "0123", "version": "1.2.3", "rule": "acme/**", "verdict": "{{verdict}}",
              "reason": {{(reason is null ? "null" : $$"""{ "code": "{{reason}}", "message": "It is another's." }""")}},
              "images": [ { "registry": "main", "reference": "{{Latest}}", "kind": "floating", "verdict": "keep", "current": null, "code": "not-newest", "reason": "2.0.0 is newer" } ],
              "skipped": [ { "registry": "main", "tag": "{major}", "reason": "0.x" } ], "note": "By history alone."
            }
            """);
        CommandRun run = new();

        (await run.InvokeAsync("plan", "acme/shop", "v1.2.3", "--assume-commit", "0123", "--server", api.Address.ToString())).ShouldBe(code);

        run.Out.ShouldStartWith($"{verdict} acme/shop v1.2.3 (1.2.3) at 0123, by the rule acme/**\n{(reason is null ? "" : $"  because: It is another's. ({reason})\n")}");
        run.Out.ShouldContain($"  keep    {Latest}  floating  2.0.0 is newer\n");
        run.Out.ShouldEndWith("  skip    {major} in main: 0.x\nBy history alone.\n");
        api.Requests.ShouldHaveSingleItem().Body.ShouldBe("""{"project":"acme/shop","ref":"v1.2.3","assume":{"commit":"0123"}}""");
    }

    [Theory]
    [InlineData("promote", Latest, "v1.2.2")]
    [InlineData("promote", Latest, "--reason", "why")]
    [InlineData("promote", Latest, "v1.2.2", "--reason", " ")]
    [InlineData("retract", Latest)]
    [InlineData("plan", "acme/shop")]
    public async Task Wrong_Usage_Ends_With_2_And_An_Example(params string[] arguments)
    {
        CommandRun run = new();

        (await run.InvokeAsync(arguments)).ShouldBe(ExitCode.Invalid);

        run.Error.ShouldContain("Example: ");
    }

    private static string Wish(string status, string? outcome = null) =>
        $$"""{"id":"{{StandInApi.Id}}","reference":"{{Latest}}","kind":"move","to":"v1.2.2","status":"{{status}}","outcome":{{(outcome is null ? "null" : $"\"{outcome}\"")}}}""";
}
