using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class LogTests : IAsyncLifetime
{
    private WebFixture _web = null!;
    private ClaimedRun _run = null!;

    private string Path => $"/api/v1/releases/{_run.Release.Id}/log";

    public async ValueTask InitializeAsync()
    {
        _web = await WebFixture.StartAsync();
        await _web.HookAsync(Hooks.Tag());
        _run = await _web.StartRunAsync();
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    [Fact]
    public async Task Log_Is_Plain_Text_As_It_Was_Written()
    {
        for (var number = 0; number < 20; number++)
        {
            await _web.LogAsync(_run, $"line {number} \u001b[32mü\u001b[0m <script>\n");
        }

        var answer = await _web.GetAsync(Path);

        answer.Headers["Content-Type"].ShouldBe("text/plain; charset=utf-8");
        answer.Text.ShouldBe(string.Concat(Enumerable.Range(0, 20).Select(number => $"line {number} \u001b[32mü\u001b[0m <script>\n")));
        (await _web.GetAsync($"{Path}?after=19")).Text.ShouldStartWith("line 19 ");
        (await _web.GetAsync($"/api/v1/releases/{Guid.Empty}/log")).Problem.ShouldBe("release-not-found");
    }

    [Theory]
    [InlineData("*/*", "text/plain; charset=utf-8")]
    [InlineData("text/event-stream", "text/event-stream; charset=utf-8")]
    public async Task Head_Has_The_Headers_Of_The_Log_And_No_Body(string accept, string type)
    {
        await _web.LogAsync(_run, "one\n");
        var request = new HttpRequestMessage(HttpMethod.Head, Path);
        request.Headers.Accept.ParseAdd(accept);

        var answer = await _web.SendAsync(request).WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, WebFixture.Cancellation);

        (answer.Status, answer.Headers["Content-Type"], answer.Text).ShouldBe((HttpStatusCode.OK, type, ""));
        _web.Get<LogFollowers>().Readers.ShouldBe(0);
        request = new HttpRequestMessage(HttpMethod.Head, "/healthz/live");
        request.Headers.Accept.ParseAdd(accept);
        (await _web.SendAsync(request)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Follower_Gets_What_Was_And_What_Comes_Until_The_End()
    {
        await _web.LogAsync(_run, "one\ntwo\r\n");
        using var follower = await FollowAsync(null);
        var events = follower.Events();

        (await NextAsync(events)).ShouldBe(("1", "message", "one\ntwo"));
        await _web.LogAsync(_run, "three\n\nevent: end\n");
        (await NextAsync(events)).ShouldBe(("2", "message", "three\n\nevent: end"));
        await _web.LogAsync(_run, "10%\r20%\n");
        (await NextAsync(events)).ShouldBe(("3", "message", "10%\n20%"));
        await _web.PublishAsync(_run);
        (await NextAsync(events)).ShouldBe((null, "end", "published"));
        (await events.MoveNextAsync()).ShouldBeFalse();
    }

    [Fact]
    public async Task Follower_Resumes_Behind_The_Last_Event()
    {
        await _web.LogAsync(_run, "one\n");
        await _web.LogAsync(_run, "two\n");
        using var follower = await FollowAsync("1");
        var events = follower.Events();

        (await NextAsync(events)).ShouldBe(("2", "message", "two"));
        await _web.PublishAsync(_run);
        (await NextAsync(events)).ShouldBe((null, "end", "published"));

        using var late = await FollowAsync("2");
        (await NextAsync(late.Events())).EventType.ShouldBe("end");
    }

    [Fact]
    public async Task Hundred_Followers_Cost_One_Reader_And_All_Get_Everything()
    {
        await _web.LogAsync(_run, "one\n");
        var followers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => FollowAsync(null)));
        var events = followers.Select(follower => follower.Events()).ToList();
        (await Task.WhenAll(events.Select(NextAsync))).ShouldAllBe(piece => piece.Id == "1" && piece.Data == "one");

        _web.Get<LogFollowers>().Readers.ShouldBe(1);
        await _web.LogAsync(_run, "two\n");
        (await Task.WhenAll(events.Select(NextAsync))).ShouldAllBe(piece => piece.Id == "2" && piece.Data == "two");

        Array.ForEach(followers, follower => follower.Dispose());
        await UntilNobodyReadsAsync();
    }

    [Fact]
    public async Task Follower_That_Reads_Slowly_Misses_Nothing()
    {
        await _web.LogAsync(_run, "0\n");
        using var slow = await FollowAsync(null);
        var events = slow.Events();
        await NextAsync(events);
        // More than the live end keeps, and more than the connection's buffers take.
        var line = new string('x', 60_000);
        for (var number = 1; number <= 150; number++)
        {
            await _web.LogAsync(_run, $"{number} {line}\n");
        }

        await _web.PublishAsync(_run);

        for (var number = 1; number <= 150; number++)
        {
            var (id, _, data) = await NextAsync(events);
            id.ShouldBe((number + 1).ToString(System.Globalization.CultureInfo.InvariantCulture));
            data.ShouldStartWith($"{number} x");
        }

        (await NextAsync(events)).ShouldBe((null, "end", "published"));
    }

    [Fact]
    public async Task Who_Follows_A_Release_That_Runs_Again_Is_Not_Told_Of_Its_Earlier_End()
    {
        await _web.LogAsync(_run, "one\n");
        // As long as this one has not gone, neither has the live end that it reads.
        await using var slow = _web.Get<LogFollowers>().TryFollow(_run.Release.Id).ShouldNotBeNull();
        await _web.Get<RunLedger>().FinishAsync(_run, ReleaseStatus.Failed, new Reason(ReasonCode.BuildFailed, "It does not build."), [], WebFixture.Cancellation);
        while (slow.After(1) is FeedStep.Wait wait)
        {
            await wait.Changed.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, WebFixture.Cancellation);
        }

        slow.After(1).ShouldBeOfType<FeedStep.Ended>();
        (await _web.PostAsync($"/api/v1/releases/{_run.Release.Id}/retry", "{}")).Status.ShouldBe(HttpStatusCode.Accepted);
        using var follower = await FollowAsync("1");
        var events = follower.Events();

        await _web.LogAsync(await _web.StartRunAsync(), "two\n");

        (await NextAsync(events)).ShouldBe(("2", "message", "two"));
    }

    [Fact]
    public async Task Log_That_Was_Removed_Is_Told_As_Such_In_Text_Live_And_On_The_Page()
    {
        await _web.LogAsync(_run, "one\n");
        await _web.PublishAsync(_run);
        await _web.SqlAsync("UPDATE releases SET finished_at = finished_at - 100 * 864000000000; DELETE FROM log_chunks");

        foreach (var accept in new[] { "text/plain", "text/event-stream" })
        {
            var request = new HttpRequestMessage(HttpMethod.Get, $"{Path}?after=1");
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
            var answer = await _web.SendAsync(request);

            (answer.Status, answer.Problem).ShouldBe((HttpStatusCode.Gone, "log-not-kept"), accept);
            answer.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain("90.00:00:00 (Retention:Logs");
        }

        var page = await _web.GetAsync($"/releases/{_run.Release.Id}");
        (page.Status, page.Text.Contains("Retention:Logs", StringComparison.Ordinal), page.Text.Contains("id=\"log\"", StringComparison.Ordinal))
            .ShouldBe((HttpStatusCode.OK, true, false));
    }

    [Fact]
    public async Task Follower_With_An_Id_That_The_Log_Never_Had_Gets_All_Of_It()
    {
        await _web.LogAsync(_run, "one\n");
        using var follower = await FollowAsync("4711");
        var events = follower.Events();

        (await NextAsync(events)).ShouldBe(("1", "message", "one"));
        await _web.LogAsync(_run, "two\n");
        (await NextAsync(events)).ShouldBe(("2", "message", "two"));
    }

    [Fact]
    public async Task Server_That_Stops_Lets_Its_Followers_Go()
    {
        await _web.LogAsync(_run, "one\n");
        using var follower = await FollowAsync(null);
        var events = follower.Events();
        await NextAsync(events);

        _web.Get<Microsoft.Extensions.Hosting.IHostApplicationLifetime>().StopApplication();

        (await events.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, WebFixture.Cancellation)).ShouldBeFalse();
    }

    private async Task UntilNobodyReadsAsync()
    {
        var started = TimeProvider.System.GetTimestamp();
        while (_web.Get<LogFollowers>().Readers > 0)
        {
            TimeProvider.System.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(30), "the last follower has gone, and its reader has not");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, WebFixture.Cancellation);
        }
    }

    private static async Task<(string? Id, string EventType, string Data)> NextAsync(IAsyncEnumerator<SseItem<string>> events)
    {
        (await events.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, WebFixture.Cancellation)).ShouldBeTrue("the stream ended");
        return (events.Current.EventId, events.Current.EventType, events.Current.Data);
    }

    private async Task<Follower> FollowAsync(string? lastEventId)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, Path);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var response = await _web.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, WebFixture.Cancellation);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        return new Follower(response, await response.Content.ReadAsStreamAsync(WebFixture.Cancellation));
    }

    private sealed class Follower(HttpResponseMessage response, Stream stream) : IDisposable
    {
        public IAsyncEnumerator<SseItem<string>> Events() => SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator(WebFixture.Cancellation);

        public void Dispose() => response.Dispose();
    }
}
