using System.Net;
using ReleaseBot.Integration.GitLab;
using ReleaseBot.StandIns.GitLab;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class PublishTests : IAsyncLifetime
{
    private GitLabFixture _gitLab = null!;
    private WebFixture _web = null!;

    public async ValueTask InitializeAsync()
    {
        _gitLab = await GitLabFixture.StartAsync();
        await _gitLab.CommitAsync("Dockerfile", "FROM scratch\n");
        await _gitLab.Clone.TagAsync("v1.2.3", "Release", WebFixture.Cancellation);
        await _gitLab.Clone.TagAsync("nightly", null, WebFixture.Cancellation);
        await _gitLab.Clone.PushAsync(WebFixture.Cancellation, "HEAD:refs/heads/main", "v1.2.3", "nightly");
        _web = await WebFixture.StartAsync(gitLab: _gitLab.Settings);
    }

    public async ValueTask DisposeAsync()
    {
        await _web.DisposeAsync();
        await _gitLab.DisposeAsync();
    }

    [Theory]
    [InlineData("\"acme/shop\"", "v1.2.3")]
    [InlineData("\"42\"", "refs/tags/v1.2.3")]
    [InlineData("42", "v1.2.3")]
    public async Task Ref_Is_Published_By_Path_Or_Id(string project, string name)
    {
        var answer = await _web.PostAsync("/api/v1/releases", $$"""{"project":{{project}},"ref":"{{name}}"}""");

        answer.Status.ShouldBe(HttpStatusCode.Accepted, answer.Text);
        answer.Json.GetProperty("ref").GetProperty("name").GetString().ShouldBe("v1.2.3");
        answer.Json.GetProperty("trigger").GetRawText().ShouldBe("""{"kind":"manual","deliveryId":null,"user":"ci"}""");
        var again = await _web.PostAsync("/api/v1/releases", """{"project":"acme/shop","ref":"v1.2.3"}""");
        again.Status.ShouldBe(HttpStatusCode.Accepted);
        again.Json.GetProperty("id").GetGuid().ShouldBe(answer.Json.GetProperty("id").GetGuid());
        _gitLab.GitLab.UnexpectedRequests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"project":"acme/none","ref":"v1.2.3"}""", 404, "project-not-found")]
    [InlineData("""{"project":"acme/shop","ref":"v9"}""", 404, "ref-not-found")]
    [InlineData("""{"project":"acme/shop","ref":"nightly"}""", 422, "no-rule")]
    [InlineData("""{"project":"acme/shop","ref":"a..b"}""", 400, "invalid-parameter")]
    [InlineData("""{"project":"acme/shop"}""", 400, "invalid-parameter")]
    [InlineData("""{"ref":"v1.2.3"}""", 400, "invalid-parameter")]
    [InlineData("""{"project":{},"ref":"v1.2.3"}""", 400, "unreadable-body")]
    [InlineData("not json", 400, "unreadable-body")]
    [InlineData("", 400, "unreadable-body")]
    public async Task What_Can_Not_Be_Published_Is_A_Problem(string body, int status, string problem)
    {
        foreach (var path in new[] { "/api/v1/releases", "/api/v1/plan" })
        {
            var answer = await _web.PostAsync(path, body);
            ((int)answer.Status).ShouldBe(status, answer.Text);
            answer.Problem.ShouldBe(problem);
        }
    }

    [Theory]
    [InlineData(StandInFaultKind.Away, 500, 503, "gitlab-unavailable")]
    [InlineData(StandInFaultKind.Status, 502, 503, "gitlab-unavailable")]
    [InlineData(StandInFaultKind.Status, 401, 502, "gitlab-denied")]
    public async Task GitLab_That_Is_Away_Is_A_Problem(StandInFaultKind kind, int fault, int status, string problem)
    {
        _gitLab.GitLab.AddFault(new StandInFault { Kind = kind, Status = fault });

        var answer = await _web.PostAsync("/api/v1/releases", """{"project":"acme/shop","ref":"v1.2.3"}""");

        ((int)answer.Status).ShouldBe(status, answer.Text);
        answer.Problem.ShouldBe(problem);
        answer.Text.ShouldNotContain(_gitLab.GitLab.Options.Token);
    }

    [Fact]
    public async Task Tag_That_Does_Not_Exist_Yet_Can_Be_Planned()
    {
        _gitLab.Project.ProtectedTags.Add("v*");
        var commit = (await _web.PostAsync("/api/v1/plan", """{"project":"acme/shop","ref":"v1.2.3"}""")).Json.GetProperty("commit").GetString();

        var plan = (await _web.PostAsync("/api/v1/plan", $$$"""{"project":"acme/shop","ref":"v2.0.0","assume":{"commit":"{{{commit}}}"}}""")).Json;

        (plan.GetProperty("verdict").GetString(), plan.GetProperty("version").GetString(), plan.GetProperty("commit").GetString()).ShouldBe(("publish", "2.0.0", commit));
        plan.GetProperty("ref").GetProperty("protected").GetBoolean().ShouldBeTrue();
        _gitLab.GitLab.UnexpectedRequests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("v2.0.0", "0000000000000000000000000000000000000001", 400, "invalid-parameter")]
    [InlineData("v2.0.0", "0123", 400, "invalid-parameter")]
    [InlineData("v1.2.3", "0000000000000000000000000000000000000001", 400, "invalid-parameter")]
    [InlineData("refs/heads/none", "0000000000000000000000000000000000000001", 404, "ref-not-found")]
    public async Task What_Can_Not_Be_Assumed_Is_A_Problem(string name, string commit, int status, string problem)
    {
        var answer = await _web.PostAsync("/api/v1/plan", $$$"""{"project":"acme/shop","ref":"{{{name}}}","assume":{"commit":"{{{commit}}}"}}""");

        ((int)answer.Status).ShouldBe(status, answer.Text);
        answer.Problem.ShouldBe(problem);
    }

    [Fact]
    public async Task Replay_Is_Planned_First_And_Changes_Nothing()
    {
        var tag = (await _gitLab.Clone.GitAsync(WebFixture.Cancellation, "rev-parse", "v1.2.3")).Trim();
        var sent = await _web.HookAsync(Hooks.Tag("v1.2.3", projectId: 42, after: tag));
        var path = $"/api/v1/deliveries/{sent.Json.GetProperty("deliveryId").GetGuid()}/replay";

        var standing = (await _web.PostAsync($"{path}?dryRun=true")).Json;
        (standing.GetProperty("outcome").GetString(), standing.GetProperty("release").GetGuid()).ShouldBe(("duplicate", sent.Release));
        standing.GetProperty("reason").GetProperty("code").GetString().ShouldBe("already-accepted");

        await _web.RejectAsync();
        (await PlanAsync()).GetProperty("reason").GetProperty("code").GetString().ShouldBe("ref-not-protected");
        _gitLab.Project.ProtectedTags.Add("v*");
        (await PlanAsync()).GetProperty("verdict").GetString().ShouldBe("publish");
        await _web.SqlAsync("UPDATE deliveries SET ref = 'refs/tags/nightly', body = NULL");
        var ignored = (await _web.PostAsync($"{path}?dryRun=true")).Json;
        (ignored.GetProperty("outcome").GetString(), ignored.GetProperty("plan").ValueKind).ShouldBe(("ignored", System.Text.Json.JsonValueKind.Null));
        (await _web.PostAsync($"{path}?dryRun=perhaps")).Problem.ShouldBe("invalid-parameter");
        (await _web.SqlAsync("SELECT count(*) FROM releases WHERE status = 'rejected' AND attempt = 1")).ShouldBe(1);

        async Task<System.Text.Json.JsonElement> PlanAsync()
        {
            var answer = (await _web.PostAsync($"{path}?dryRun=true")).Json;
            (answer.GetProperty("outcome").GetString(), answer.GetProperty("release").GetGuid()).ShouldBe(("accepted", sent.Release));
            return answer.GetProperty("plan");
        }
    }

    [Theory]
    [InlineData("verifying", "duplicate")]
    [InlineData("queued", "duplicate")]
    [InlineData("pushing", "duplicate")]
    [InlineData("published", "duplicate")]
    [InlineData("failed", "accepted")]
    [InlineData("canceled", "accepted")]
    [InlineData("rejected", "accepted")]
    public async Task A_Plan_Of_A_Release_That_Is_There_Says_What_A_Hook_Would_Get(string status, string outcome)
    {
        _gitLab.Project.ProtectedTags.Add("v*");
        var tag = (await _gitLab.Clone.GitAsync(WebFixture.Cancellation, "rev-parse", "v1.2.3")).Trim();
        var sent = await _web.HookAsync(Hooks.Tag("v1.2.3", projectId: 42, after: tag));
        await _web.SqlAsync($"UPDATE releases SET status = '{status}'");

        var plan = (await _web.PostAsync("/api/v1/plan", """{"project":"acme/shop","ref":"v1.2.3"}""")).Json;

        plan.GetProperty("release").GetGuid().ShouldBe(sent.Release);
        plan.GetProperty("verdict").GetString().ShouldBe(outcome == "duplicate" ? "duplicate" : "publish");
        var why = outcome == "duplicate" ? plan.GetProperty("reason").GetProperty("message") : plan.GetProperty("note");
        why.GetString().ShouldNotBeNull().ShouldContain($"{sent.Release}, which is {status}.");
        var next = await _web.HookAsync(Hooks.Tag("v1.2.3", projectId: 42, after: tag));
        (next.Outcome, next.Release).ShouldBe((outcome, sent.Release));
    }

    [Fact]
    public async Task What_Is_Published_Is_A_Duplicate_Also_Where_It_Would_Be_Rejected_By_Now()
    {
        var tag = (await _gitLab.Clone.GitAsync(WebFixture.Cancellation, "rev-parse", "v1.2.3")).Trim();
        await _web.HookAsync(Hooks.Tag("v1.2.3", projectId: 42, after: tag));
        await _web.SqlAsync("UPDATE releases SET status = 'published'");

        var plan = (await _web.PostAsync("/api/v1/plan", """{"project":"acme/shop","ref":"v1.2.3"}""")).Json;

        plan.GetProperty("ref").GetProperty("protected").GetBoolean().ShouldBeFalse();
        (plan.GetProperty("verdict").GetString(), plan.GetProperty("reason").GetProperty("code").GetString()).ShouldBe(("duplicate", "already-accepted"));
    }

    [Fact]
    public async Task Plan_Tells_The_Verdict_Of_Each_Tag_And_Changes_Nothing()
    {
        var unprotected = (await _web.PostAsync("/api/v1/plan", """{"project":"acme/shop","ref":"v1.2.3"}""")).Json;
        unprotected.GetProperty("verdict").GetString().ShouldBe("reject");
        unprotected.GetProperty("reason").GetProperty("code").GetString().ShouldBe("ref-not-protected");

        _gitLab.Project.ProtectedTags.Add("v*");
        var first = (await _web.PostAsync("/api/v1/plan", """{"project":"acme/shop","ref":"v1.2.3"}""")).Json;
        first.GetProperty("verdict").GetString().ShouldBe("publish");
        Verdicts(first).ShouldBe(["create", "create"]);
        (await _web.SqlAsync("SELECT count(*) FROM releases")).ShouldBe(0);

        // A higher version of the same project, and then the repository in another project's hands.
        await _web.PublishHookAsync("v2.0.0", projectId: 42);
        var second = (await _web.PostAsync("/api/v1/plan", """{"project":"acme/shop","ref":"v1.2.3"}""")).Json;
        Verdicts(second).ShouldBe(["create", "keep"]);
        second.GetProperty("note").GetString().ShouldNotBeNull().ShouldContain("the registries were not asked");
        var (version, latest) = (second.GetProperty("images")[0], second.GetProperty("images")[1]);
        latest.GetProperty("registryDigest").GetString().ShouldBe(latest.GetProperty("current").GetString());
        latest.GetProperty("registryAskedAt").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.String);
        (version.GetProperty("registryDigest").ValueKind, version.GetProperty("registryAskedAt").ValueKind).ShouldBe(
            (System.Text.Json.JsonValueKind.Null, System.Text.Json.JsonValueKind.Null));
        await _web.SqlAsync("UPDATE repository_owners SET project_id = 99");
        var taken = (await _web.PostAsync("/api/v1/plan", """{"project":"acme/shop","ref":"v1.2.3"}""")).Json;
        taken.GetProperty("reason").GetProperty("code").GetString().ShouldBe("repository-taken");
        Verdicts(taken).ShouldBe(["refuse", "refuse"]);

        static IEnumerable<string?> Verdicts(System.Text.Json.JsonElement plan) =>
            plan.GetProperty("images").EnumerateArray().Select(image => image.GetProperty("verdict").GetString());
    }
}
