using System.Net;
using System.Text;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class ProblemTests : IAsyncLifetime
{
    private WebFixture _web = null!;

    public async ValueTask InitializeAsync() => _web = await WebFixture.StartAsync();

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    [Theory]
    [InlineData("GET", "/nothing/here", null, null, 404, "not-found")]
    [InlineData("GET", "/api/v1/releases/not-a-guid", null, null, 404, "not-found")]
    [InlineData("DELETE", "/api/v1/releases", null, null, 405, "method-not-allowed")]
    [InlineData("GET", "/webhooks/gitlab", null, null, 405, "method-not-allowed")]
    [InlineData("POST", "/api/v1/plan", "text/plain", "x", 415, "not-json")]
    [InlineData("POST", "/api/v1/plan", "application/json", "{", 400, "unreadable-body")]
    [InlineData("POST", "/api/v1/plan", "application/json", "null", 400, "unreadable-body")]
    public async Task Every_Fault_Is_A_Problem_Whatever_Is_Accepted(string method, string path, string? type, string? body, int status, string problem)
    {
        foreach (var accept in new[] { "*/*", "text/html", "text/event-stream" })
        {
            var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, type!) };
            request.Headers.Accept.ParseAdd(accept);

            var answer = await _web.SendAsync(request);

            ((int)answer.Status).ShouldBe(status, answer.Text);
            answer.Problem.ShouldBe(problem, accept);
            answer.Headers["Cache-Control"].ShouldContain("no-store");
        }
    }

    [Fact]
    public async Task Large_Body_Of_The_Api_Is_Refused() =>
        (await _web.PostAsync("/api/v1/releases", $"{{\"project\":\"{new string('x', 70_000)}\"}}")).Problem.ShouldBe("body-too-large");

    [Fact]
    public async Task Store_That_Is_Broken_Is_Told_Without_Its_Words()
    {
        await _web.SqlAsync("ALTER TABLE releases RENAME TO hidden");

        var answer = await _web.GetAsync("/api/v1/releases");

        answer.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Problem.ShouldBe("store-unavailable");
        answer.Text.ShouldNotContain("no such table");
        await _web.SqlAsync("ALTER TABLE hidden RENAME TO releases");
    }

    [Fact]
    public async Task Answers_Carry_Security_Headers_And_No_Server_Name()
    {
        foreach (var path in new[] { "/", "/api/v1/releases", "/nothing", "/docs", "/healthz/live", "/assets/dashboard.js" })
        {
            var answer = await _web.GetAsync(path);
            answer.Headers["X-Content-Type-Options"].ShouldBe("nosniff", path);
            answer.Headers["Referrer-Policy"].ShouldBe("no-referrer", path);
            answer.Headers["Content-Security-Policy"].ShouldContain("frame-ancestors 'none'", Case.Sensitive, path);
            answer.Headers.ShouldNotContainKey("Server");
        }
    }

    [Fact]
    public async Task Docs_Need_No_Other_Host()
    {
        // The address that /docs leads to, which the page's own addresses are relative to.
        using var response = await _web.Http.GetAsync(new Uri("/docs", UriKind.Relative), WebFixture.Cancellation);
        var address = response.RequestMessage.ShouldNotBeNull().RequestUri.ShouldNotBeNull();
        var page = await _web.GetAsync(address.PathAndQuery);

        page.Status.ShouldBe(HttpStatusCode.OK);
        page.MediaType.ShouldBe("text/html");
        page.Text.ShouldNotContain("src=\"http");
        page.Text.ShouldNotContain("cdn.");
        page.Text.ShouldNotContain("fonts.");
        page.Headers["Content-Security-Policy"].ShouldContain("default-src 'none'");
        var scripts = System.Text.RegularExpressions.Regex.Matches(page.Text, "src=\"([^\"]+)\"").Select(match => match.Groups[1].Value).ToList();
        scripts.ShouldNotBeEmpty();
        foreach (var script in scripts)
        {
            var asset = await _web.GetAsync(new Uri(address, script).PathAndQuery);
            asset.Status.ShouldBe(HttpStatusCode.OK, script);
            asset.MediaType.ShouldNotBeNull().ShouldContain("javascript");
        }
    }

    [Fact]
    public async Task No_Secret_Of_The_Configuration_Is_In_Any_Answer()
    {
        var id = (await _web.HookAsync(Hooks.Tag(), "d-1")).Release;
        await _web.HookAsync(Hooks.Tag("nightly"), "d-2");
        var run = await _web.StartRunAsync();
        await _web.LogAsync(run, "built\n");
        var deliveries = (await _web.GetAsync("/api/v1/deliveries")).Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetGuid());
        string[] paths =
        [
            "/", "/deliveries", "/queue", "/docs", "/metrics", "/openapi/v1.json", "/healthz/ready", "/api/v1/releases", "/api/v1/deliveries", "/api/v1/queue",
            $"/releases/{id}", $"/api/v1/releases/{id}", $"/api/v1/releases/{id}/log", "/api/v1/images?reference=registry.example/acme/shop:latest", "/nothing",
            .. deliveries.Select(delivery => $"/api/v1/deliveries/{delivery}"),
        ];
        List<Answer> answers = [];
        foreach (var path in paths)
        {
            answers.Add(await _web.GetAsync(path));
        }

        answers.Add(await _web.PostAsync("/api/v1/releases", """{"project":"acme/shop","ref":"v1.0.0"}"""));
        answers.Add(await _web.PostAsync("/api/v1/plan", """{"project":"acme/shop","ref":"v1.0.0"}"""));
        string[] secrets =
        [
            WebFixture.HookSecret, WebFixture.SigningToken, WebFixture.SigningToken["whsec_".Length..], WebFixture.ReadSecret, WebFixture.OperateSecret,
            WebFixture.GitLabSecret, WebFixture.NpmSecret, _web.DatabasePath,
        ];
        foreach (var answer in answers)
        {
            foreach (var secret in secrets)
            {
                answer.Text.ShouldNotContain(secret);
                answer.Headers.Values.ShouldAllBe(value => !value.Contains(secret, StringComparison.Ordinal));
            }
        }
    }

    [Fact]
    public void Problem_Types_Do_Not_Change()
    {
        int[] statuses = [400, 404, 405, 408, 413, 415, 500, 503, 418];
        statuses.Select(status => Problems.ForStatus(status).ProblemDetails.Type).ShouldBe(
        [
            "urn:releasebot:unreadable-body", "urn:releasebot:not-found", "urn:releasebot:method-not-allowed", "urn:releasebot:request-timeout",
            "urn:releasebot:body-too-large", "urn:releasebot:not-json", "urn:releasebot:internal-error", "urn:releasebot:store-unavailable", "urn:releasebot:error",
        ]);
    }
}
