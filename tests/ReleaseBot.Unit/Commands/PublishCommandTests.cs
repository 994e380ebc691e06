using System.Text.Json;
using ReleaseBot.Commands;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Commands;

public sealed class PublishCommandTests
{
    private const string Post = "POST /api/v1/releases";
    private const string Get = $"GET /api/v1/releases/{StandInApi.Id}";
    private const string Log = $"{Get}/log";

    [Fact]
    public async Task Without_Waiting_It_Tells_Where_The_Release_Is_To_Be_Seen()
    {
        await using var api = (await StandInApi.StartAsync()).On(Post, StandInApi.Release("verifying"));
        CommandRun run = new() { Environment = { ["RELEASEBOT_TOKEN"] = "the-operators-token", ["RELEASEBOT_SERVER"] = api.Address.ToString() } };

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3")).ShouldBe(ExitCode.Ok);

        run.Out.ShouldBe($"verifying acme/shop v1.2.3\n  id: {StandInApi.Id}\n  page: {api.Address}releases/{StandInApi.Id}\n");
        var request = api.Requests.ShouldHaveSingleItem();
        request.Authorization.ShouldBe("Bearer the-operators-token");
        JsonDocument.Parse(request.Body).RootElement.ToString().ShouldBe("""{"project":"acme/shop","ref":"v1.2.3"}""");
    }

    [Fact]
    public async Task Waiting_Prints_The_Log_And_The_Images_With_Their_Digests()
    {
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("queued"))
            .On(Log, (http, _) => StandInApi.Events(http, "id: 1\ndata: Step 1/2\n\nid: 2\ndata: Step 2/2\n\nevent: end\ndata:\n\n"))
            .On(Get, StandInApi.Release("published"));
        CommandRun run = new();

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldBe($"""
            Step 1/2
            Step 2/2
            published acme/shop v1.2.3 in 2m 5s
              pushed  registry.example/acme/shop:v1.2.3  sha256:{new string('a', 64)}
              kept    registry.example/acme/shop:latest  -  2.0.0 is newer.

            """);
        run.Error.ShouldBe("releasebot: queued\nreleasebot: published\n");
    }

    [Fact]
    public async Task A_Broken_Log_Is_Resumed_Behind_The_Last_Event()
    {
        CommandRun run = new();
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("building"))
            .On(Log, (http, number) => number == 0
                ? StandInApi.CutEvents(http, "id: 7\ndata: first\n\n", run.FirstLine)
                : StandInApi.Events(http, "id: 8\ndata: second\n\n"))
            .On(Get, StandInApi.Release("building"), StandInApi.Release("published"));

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldStartWith("first\nsecond\npublished");
        api.Requests.Where(request => request.Route == Log).Select(request => request.LastEventId).ShouldBe(["", "7"]);
    }

    [Fact]
    public async Task Output_That_Can_Not_Be_Written_Ends_The_Following_Of_A_Log()
    {
        CommandRun run = new() { OutputFault = new IOException("No space left on device") };
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("building"))
            .On(Log, (http, _) => StandInApi.Events(http, "id: 7\ndata: first\n\n"))
            .On(Get, StandInApi.Release("building"), StandInApi.Release("published"));

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString())).ShouldBe(ExitCode.Failed);

        run.Error.ShouldEndWith("releasebot: the output can't be written: No space left on device.\n");
        api.Requests.Count(request => request.Route == Log).ShouldBe(1);
    }

    [Fact]
    public async Task The_Rest_Of_A_Log_That_Broke_At_The_End_Is_Fetched()
    {
        CommandRun run = new();
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("building"))
            .On(Log, (http, number) => number == 0
                ? StandInApi.CutEvents(http, "id: 7\ndata: first\n\n", run.FirstLine)
                : StandInApi.Events(http, "id: 8\ndata: last\n\n"))
            .On(Get, StandInApi.Release("published"));

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldStartWith("first\nlast\npublished");
    }

    [Fact]
    public async Task A_Server_Without_Events_Is_Polled_And_The_Whole_Log_Comes_At_The_End()
    {
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("verifying"))
            .On(Log, (http, _) => StandInApi.Json(http, "all of\nthe log\n", "text/plain"))
            .On(Get, StandInApi.Release("queued"), StandInApi.Release("building"), StandInApi.Release("published"));
        CommandRun run = new();

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        run.Out.ShouldStartWith("all of\nthe log\npublished");
        run.Error.ShouldBe("releasebot: verifying\nreleasebot: queued\nreleasebot: building\nreleasebot: published\n");
        api.Requests.Count(request => request.Route == Log).ShouldBe(2);
    }

    [Theory]
    [InlineData("failed", "build-failed", "The Dockerfile's step 3 ended with 1.")]
    [InlineData("rejected", "ref-not-protected", "GitLab does not protect v1.2.3.")]
    [InlineData("canceled", "canceled", "ci canceled it.")]
    public async Task Any_Other_End_Than_Published_Is_A_Failure_With_Its_Reason(string status, string code, string message)
    {
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("building"))
            .On(Log, (http, _) => StandInApi.Events(http, "data: log\n\n"))
            .On(Get, StandInApi.Release(status, $$""", "reason": { "code": "{{code}}", "message": "{{message}}" }"""));
        CommandRun run = new();

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString())).ShouldBe(ExitCode.Failed);

        run.Error.ShouldEndWith($"releasebot: {status}: {message} ({code})\n");
    }

    [Fact]
    public async Task A_Server_That_Is_Away_For_A_Moment_Is_Waited_For_And_Then_Given_Up()
    {
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("building"))
            .On(Log, (http, _) => { http.Response.StatusCode = 503; return Task.CompletedTask; })
            .On(Get, (http, number) =>
            {
                http.Response.StatusCode = number < 3 ? 503 : 200;
                return number < 3 ? Task.CompletedTask : StandInApi.Json(http, StandInApi.Release("published"));
            });
        CommandRun run = new();
        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString())).ShouldBe(ExitCode.Ok);

        api.On(Get, (http, _) => { http.Response.StatusCode = 503; return Task.CompletedTask; });
        run = new() { Limits = new WaitLimits { Reconnect = TimeSpan.FromMilliseconds(1), Unreachable = TimeSpan.FromMilliseconds(50) } };
        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString())).ShouldBe(ExitCode.Failed);
        run.Error.ShouldContain("answered 503 Service Unavailable.");
    }

    [Fact]
    public async Task A_Silent_Log_And_A_Release_That_Does_Not_End_Are_Not_Waited_For_Without_Limit()
    {
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("building"))
            .On(Log, async (http, _) =>
            {
                await StandInApi.Events(http, ": still there\n\n");
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            })
            .On(Get, StandInApi.Release("building"));
        CommandRun run = new() { Limits = new WaitLimits { Reconnect = TimeSpan.FromMilliseconds(1), Silence = TimeSpan.FromMilliseconds(20) } };

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--timeout", "1s", "--server", api.Address.ToString())).ShouldBe(ExitCode.Failed);

        run.Error.ShouldEndWith($"releasebot: release {StandInApi.Id} has not ended within 1s; it goes on. Wait longer with --timeout.\n");
        api.Requests.Count(request => request.Route == Log).ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task A_Log_Can_Not_Steer_The_Terminal()
    {
        await using var api = (await StandInApi.StartAsync())
            .On(Post, StandInApi.Release("building"))
            .On(Log, (http, _) => StandInApi.Events(http, "data: \u001b]0;owned\u0007\u001b[2Jtext\n\n"))
            .On(Get, StandInApi.Release("published"));
        CommandRun run = new();

        await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--wait", "--server", api.Address.ToString());

        run.Out.ShouldStartWith("]0;owned[2Jtext\n");
    }

    [Fact]
    public async Task A_Problem_Is_Shown_In_Words()
    {
        await using var api = (await StandInApi.StartAsync())
            .OnProblem(Post, 404, "No such project", "GitLab knows no project acme/shop.", "urn:releasebot:project-not-found");
        CommandRun run = new();

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--server", api.Address.ToString())).ShouldBe(ExitCode.Failed);

        run.Error.ShouldBe("releasebot: No such project: GitLab knows no project acme/shop (urn:releasebot:project-not-found).\n");
    }

    [Theory]
    [InlineData(401, "Give an access token by RELEASEBOT_TOKEN or --token-file.")]
    [InlineData(403, "The token must have the scope for this in the server's Access:Tokens: read to look, operate to change.")]
    [InlineData(502, "answered 502 Bad Gateway.")]
    [InlineData(302, "It points to https://elsewhere.example/; if that is the server, name it with --server.")]
    [InlineData(200, "answered with something else than ReleaseBot's API does. Is the address right?")]
    public async Task Any_Other_Refusal_Comes_With_Its_Cure(int status, string expected)
    {
        await using var api = (await StandInApi.StartAsync()).On(Post, (http, _) =>
        {
            http.Response.StatusCode = status;
            http.Response.Headers.Location = "https://elsewhere.example/";
            return StandInApi.Json(http, "<html>", "text/html");
        });
        CommandRun run = new();

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--server", api.Address.ToString())).ShouldBe(ExitCode.Failed);

        run.Error.ShouldContain(expected);
    }

    [Fact]
    public async Task Where_No_Token_Is_Configured_No_Scope_Is_Asked_For()
    {
        await using var api = (await StandInApi.StartAsync())
            .OnProblem(Post, 403, "No token is configured", "Configure one: Access__Tokens__0__Name=ci", "urn:releasebot:no-token-configured");
        CommandRun run = new();

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--server", api.Address.ToString())).ShouldBe(ExitCode.Failed);

        run.Error.ShouldBe("releasebot: No token is configured: Configure one: Access__Tokens__0__Name=ci (urn:releasebot:no-token-configured).\n");
    }

    [Fact]
    public async Task A_Server_That_Does_Not_Run_Is_Told_With_The_Cure()
    {
        var api = await StandInApi.StartAsync();
        var address = api.Address;
        await api.DisposeAsync();
        CommandRun run = new();

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--server", address.ToString())).ShouldBe(ExitCode.Failed);

        run.Error.ShouldContain($"{address} can't be reached: Connection refused");
        run.Error.ShouldContain("Name another with --server or RELEASEBOT_SERVER.");
    }

    [Fact]
    public async Task The_Token_Is_Read_From_A_File_And_The_File_Wins()
    {
        await using var api = (await StandInApi.StartAsync()).On(Post, StandInApi.Release("queued"));
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "token-of-the-file\n", TestContext.Current.CancellationToken);
        CommandRun run = new() { Environment = { ["RELEASEBOT_TOKEN"] = "token-of-the-environment" } };

        (await run.InvokeAsync("publish", "acme/shop", "v1.2.3", "--server", api.Address.ToString(), "--token-file", file)).ShouldBe(ExitCode.Ok);

        File.Delete(file);
        api.Requests.ShouldHaveSingleItem().Authorization.ShouldBe("Bearer token-of-the-file");
    }

    [Theory]
    [InlineData("publish", "acme/shop")]
    [InlineData("publish", "acme/shop", "v1", "more")]
    [InlineData("publish", "acme/shop", "v1", "--server", "releases.example")]
    [InlineData("publish", "acme/shop", "v1", "--token-file", "/nowhere/token")]
    [InlineData("publish", "acme/shop", "v1", "--wait", "--timeout", "5")]
    [InlineData("publish", "acme/shop", "v1", "--token", "a-secret")]
    public async Task Wrong_Usage_Ends_With_2_And_An_Example(params string[] arguments)
    {
        CommandRun run = new();

        (await run.InvokeAsync(arguments)).ShouldBe(ExitCode.Invalid);

        run.Error.ShouldContain("Example: RELEASEBOT_TOKEN=… releasebot publish acme/shop v1.2.3 --wait\nSee \"releasebot publish --help\".\n");
        run.Out.ShouldBeEmpty();
    }
}
