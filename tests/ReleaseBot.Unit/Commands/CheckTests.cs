using System.Net;
using System.Net.Sockets;
using ReleaseBot.Configuration;
using ReleaseBot.Hosting;
using ReleaseBot.Unit.Configuration;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Commands;

/// <summary>What <c>check</c> blames: that which is away, and nobody else.</summary>
public sealed class CheckTests
{
    [Fact]
    public async Task A_GitLab_That_Is_Away_Is_Not_The_Registries_Fault()
    {
        var json = Given.With("GitLab:Url", $"\"http://127.0.0.1:{FreePort()}\"");
        await using var app = ServerHost.Build(Given.Settings(json), Roles.All, Given.Merged(json));
        var checks = Checks.Of(Given.Settings(json), Roles.All, app.Services).ToList();

        var registry = await checks.Single(check => check.Subject.StartsWith("registry gitlab", StringComparison.Ordinal)).Ask(TestContext.Current.CancellationToken);

        registry.Verdict.ShouldBe(Verdict.Doubt);
        registry.Finding.ShouldBe("was not asked: GitLab could not name a project that would be pushed here");
        registry.Cure.ShouldStartWith("Mend GitLab first");
    }

    [Theory]
    [InlineData(200, "may push to acme/shop")]
    [InlineData(403, "may push to acme/shop, but not list its tags")]
    public async Task A_Registry_Whose_Tags_May_Not_Be_Listed_Is_Not_Well(int status, string finding)
    {
        await using var registry = await StandInApi.StartAsync();
        registry.On("POST /v2/acme/shop/blobs/uploads/", (http, _) =>
        {
            http.Response.StatusCode = 202;
            http.Response.Headers.Location = "/v2/acme/shop/blobs/uploads/1";
            return Task.CompletedTask;
        });
        registry.On("DELETE /v2/acme/shop/blobs/uploads/1", (http, _) =>
        {
            http.Response.StatusCode = 204;
            return Task.CompletedTask;
        });
        registry.On("GET /v2/acme/shop/tags/list", (http, _) =>
        {
            http.Response.StatusCode = status;
            return StandInApi.Json(http, """{"name":"acme/shop","tags":["v1.0.0"]}""");
        });
        var json = Given.With("Registries:gitlab", $$"""{ "Host": "{{registry.Address.Authority}}", "Insecure": true }""").Replace("acme/**", "acme/shop", StringComparison.Ordinal);
        await using var app = ServerHost.Build(Given.Settings(json), Roles.All, Given.Merged(json));

        var check = Checks.Of(Given.Settings(json), Roles.All, app.Services).Single(check => check.Subject.StartsWith("registry gitlab", StringComparison.Ordinal));
        var result = await check.Ask(TestContext.Current.CancellationToken);

        result.Verdict.ShouldBe(status == 200 ? Verdict.Ok : Verdict.Failed, result.Finding);
        result.Finding.ShouldStartWith(finding);
    }

    [Theory]
    [InlineData("Web", "engine unix:///var/run/docker.sock", "registry dockerhub (docker.io)", "registry gitlab (registry.example)")]
    [InlineData("Worker", "channel team (Slack)")]
    public async Task What_Another_Role_Needs_Is_Not_Looked_At_And_No_Failure(string role, params string[] leftOut)
    {
        var (settings, roles) = (Given.Settings(Given.Valid), Enum.Parse<Roles>(role));
        await using var app = ServerHost.Build(settings, roles, Given.Merged(Given.Valid));
        var checks = Checks.Of(settings, roles, app.Services).Where(check => leftOut.Contains(check.Subject)).ToList();

        var results = await Task.WhenAll(checks.Select(check => check.Ask(TestContext.Current.CancellationToken)));

        checks.Select(check => check.Subject).ShouldBe(leftOut, ignoreOrder: true);
        results.ShouldAllBe(result => result.Verdict == Verdict.LeftOut
            && result.Finding.StartsWith("not looked at: the ", StringComparison.Ordinal) && result.Cure.StartsWith("Run releasebot check where a ", StringComparison.Ordinal));
    }

    [Fact]
    public void Only_What_Was_To_Be_Checked_As_A_Whole_Is_All_Good()
    {
        CheckResult[] results = [CheckResult.Ok("here"), CheckResult.LeftOut("the web role does not reach the engine", "")];

        CheckRunner.Summary(results[..1], Roles.All, isPresumed: false).ShouldBe("All good.");
        CheckRunner.Summary(results, Roles.Web, isPresumed: false).ShouldBe("All good. 1 was not looked at here.");
        CheckRunner.Summary(results, Roles.Web, isPresumed: true).ShouldBe("Good for --roles web only: serve would not start with both roles. 1 was not looked at here.");
        // A webhook secret is nobody's to be asked for: nothing is left out, and yet not all is good.
        CheckRunner.Summary(results[..1], Roles.Worker, isPresumed: true).ShouldStartWith("Good for --roles worker only");
        CheckRunner.Summary([.. results, CheckResult.Failed("away", "")], Roles.Web, isPresumed: true).ShouldBe("1 of 3 checks failed. 1 was not looked at here.");
    }

    /// <summary>A port that nobody listens on.</summary>
    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
