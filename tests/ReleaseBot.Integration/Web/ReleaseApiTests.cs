using System.Net;
using System.Text.Json;
using ReleaseBot.History;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class ReleaseApiTests : IAsyncLifetime
{
    private WebFixture _web = null!;

    public async ValueTask InitializeAsync() => _web = await WebFixture.StartAsync();

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    [Fact]
    public async Task Release_Is_Shown_With_Its_Images_And_Stages()
    {
        var digest = await _web.PublishHookAsync("v1.2.3");

        var release = (await _web.GetAsync("/api/v1/releases")).Json.GetProperty("items").EnumerateArray().ShouldHaveSingleItem();

        release.EnumerateObject().Select(property => property.Name).ShouldBe(
            ["id", "project", "ref", "commit", "version", "trigger", "status", "reason", "images", "attempt", "createdAt", "startedAt", "finishedAt", "stages", "links"]);
        release.GetProperty("status").GetString().ShouldBe("published");
        release.GetProperty("reason").ValueKind.ShouldBe(JsonValueKind.Null);
        release.GetProperty("version").GetString().ShouldBe("1.2.3");
        release.GetProperty("ref").GetRawText().ShouldBe("""{"kind":"tag","name":"v1.2.3","protected":true}""");
        release.GetProperty("createdAt").GetString().ShouldEndWith("Z");
        var images = release.GetProperty("images").EnumerateArray().ToList();
        images.Select(image => image.GetProperty("reference").GetString()).ShouldBe(["registry.example/acme/shop:v1.2.3", "registry.example/acme/shop:latest"]);
        images.Select(image => image.GetProperty("floating").GetBoolean()).ShouldBe([false, true]);
        images.ShouldAllBe(image => image.GetProperty("digest").GetString() == digest.Value && image.GetProperty("status").GetString() == "pushed");
        release.GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("name").GetString()).ShouldBe(["verify", "queue", "push", "notify"]);
        var links = release.GetProperty("links");
        foreach (var link in new[] { "self", "log", "page" })
        {
            (await _web.GetAsync(links.GetProperty(link).GetString()!)).Status.ShouldBe(HttpStatusCode.OK, link);
        }
    }

    [Fact]
    public async Task Filters_Combine()
    {
        var digest = await _web.PublishHookAsync("v1.0.0");
        await _web.PublishHookAsync("v1.1.0");
        await _web.PublishHookAsync("v1.0.0", "acme/tool", 8);
        await _web.HookAsync(Hooks.Tag("v2.0.0"));
        var commit = Hooks.Id("v1.0.0")[..9];
        var cases = new Dictionary<string, int>
        {
            [""] = 4,
            ["project=acme/shop"] = 3,
            ["project=8"] = 1,
            ["ref=v1.0.0"] = 2,
            ["ref=refs/tags/v1.0.0&project=acme/shop"] = 1,
            ["ref=refs/heads/v1.0.0"] = 0,
            ["version=1.1.0"] = 1,
            [$"commit={commit}"] = 2,
            ["status=verifying"] = 1,
            ["status=verifying&status=published"] = 4,
            [$"digest={digest}"] = 1,
            ["image=registry.example/acme/shop:latest"] = 2,
            ["image=registry.example/acme/tool"] = 1,
            ["image=registry.example/acme/tool&status=failed"] = 0,
            ["since=2020-01-01T00:00:00Z"] = 4,
            ["since=2100-01-01T00:00:00Z"] = 0,
            ["until=2020-01-01T00:00:00%2B02:00"] = 0,
            ["until=2100-01-01T00:00:00Z&project=acme/shop&ref=v1.1.0&status=published"] = 1,
        };
        foreach (var (query, count) in cases)
        {
            (await _web.GetAsync($"/api/v1/releases?{query}")).Json.GetProperty("items").GetArrayLength().ShouldBe(count, query);
        }
    }

    [Fact]
    public async Task Pages_Follow_Each_Other_Without_Gap_Or_Repeat()
    {
        for (var number = 0; number < 7; number++)
        {
            await _web.HookAsync(Hooks.Tag($"v1.0.{number}"));
        }

        List<string?> seen = [];
        string? cursor = null;
        do
        {
            var page = (await _web.GetAsync($"/api/v1/releases?limit=3{(cursor is null ? "" : $"&cursor={cursor}")}")).Json;
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("ref").GetProperty("name").GetString()));
            cursor = page.GetProperty("next").GetString();
            seen.Count.ShouldBeLessThanOrEqualTo(7);
        }
        while (cursor is not null);

        seen.ShouldBe(["v1.0.6", "v1.0.5", "v1.0.4", "v1.0.3", "v1.0.2", "v1.0.1", "v1.0.0"]);
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=201", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("status=done", "status")]
    [InlineData("status=published&status=%3Cb%3E", "status")]
    [InlineData("commit=abc", "commit")]
    [InlineData("commit=zzzzzzzz", "commit")]
    [InlineData("digest=sha256:12", "digest")]
    [InlineData("image=shop", "image")]
    [InlineData("since=yesterday", "since")]
    [InlineData("until=12", "until")]
    [InlineData("cursor=AAAA", "cursor")]
    [InlineData("cursor=!!!!!!!!!!!!!!!!!!!!!!", "cursor")]
    [InlineData("project=a%00b", "project")]
    public async Task Illegal_Parameter_Is_Named(string query, string parameter)
    {
        var answer = await _web.GetAsync($"/api/v1/releases?{query}");

        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.Problem.ShouldBe("invalid-parameter");
        answer.Json.GetProperty("parameter").GetString().ShouldBe(parameter);
        answer.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain("expected");
    }

    [Theory]
    [InlineData("releases?projct=acme/shop", "projct", "project")]
    [InlineData("releases?limit=5&statuses=failed", "statuses", "status")]
    [InlineData("releases?colour=blue", "colour", null)]
    [InlineData("deliveries?outcom=ignored", "outcom", "outcome")]
    [InlineData("deliveries?status=failed", "status", null)]
    [InlineData("images?reference=registry.example/acme/shop:latest&att=now", "att", "at")]
    [InlineData("queue?limit=5", "limit", null)]
    public async Task Unknown_Parameter_Is_Refused_With_The_Nearest_Known_One(string path, string parameter, string? nearest)
    {
        var answer = await _web.GetAsync($"/api/v1/{path}");

        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.Problem.ShouldBe("unknown-parameter");
        answer.Json.GetProperty("parameter").GetString().ShouldBe(parameter);
        (answer.Json.TryGetProperty("nearest", out var near) ? near.GetString() : null).ShouldBe(nearest);
        answer.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain($"{parameter} is no parameter of this route.");
    }

    [Theory]
    [InlineData("releases?project=", "project")]
    [InlineData("releases?status=failed&status=", "status")]
    [InlineData("releases?project=acme/other&project=acme/shop", "project")]
    [InlineData("releases?version=1.0.0&version=1.0.1", "version")]
    [InlineData("deliveries?outcome=", "outcome")]
    [InlineData("releases/0199a0de-0000-7000-8000-000000000000/log?after=abc", "after")]
    public async Task Parameter_Without_A_Value_Or_Given_Twice_Is_No_Filter_In_Silence(string path, string parameter)
    {
        var answer = await _web.GetAsync($"/api/v1/{path}");

        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.Problem.ShouldBe("invalid-parameter");
        answer.Json.GetProperty("parameter").GetString().ShouldBe(parameter);
    }

    [Fact]
    public async Task Deliveries_Of_A_Project_Are_Found_By_Its_Id_Too()
    {
        await _web.HookAsync(Hooks.Tag());

        (await _web.GetAsync("/api/v1/deliveries?project=7")).Json.GetProperty("items").GetArrayLength().ShouldBe(1);
        (await _web.GetAsync("/api/v1/deliveries?project=8")).Json.GetProperty("items").GetArrayLength().ShouldBe(0);
    }

    [Theory]
    [InlineData("plan", "{\"project\":\"acme/shop\",\"ref\":\"v1.0.0\",\"assum\":{}}", "$.assum")]
    [InlineData("releases", "{\"project\":\"acme/shop\",\"tag\":\"v1.0.0\"}", "$.tag")]
    [InlineData("releases", "{\"project\":[]}", "$.project")]
    public async Task Member_Of_A_Body_That_Is_Not_Known_Or_Not_Legal_Is_Named(string route, string body, string path)
    {
        var answer = await _web.PostAsync($"/api/v1/{route}", body);

        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.Problem.ShouldBe("unreadable-body");
        answer.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldEndWith($"at {path}.");
    }

    [Theory]
    [InlineData("/healthz/live")]
    [InlineData("/api/v1/releases")]
    [InlineData("/")]
    public async Task Head_Is_Answered_As_Get_Is_Without_A_Body(string path)
    {
        var answer = await _web.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

        answer.Status.ShouldBe(HttpStatusCode.OK);
        answer.Text.ShouldBeEmpty();
    }

    [Fact]
    public async Task Parameters_That_Are_Known_Pass_In_Any_Case_And_Are_Named_To_Callers_Alone()
    {
        (await _web.GetAsync("/api/v1/releases?Project=acme/shop&LIMIT=5")).Status.ShouldBe(HttpStatusCode.OK);
        _web.Http.DefaultRequestHeaders.Authorization = null;
        // Whoever may not ask is not told what could be asked.
        (await _web.GetAsync("/api/v1/releases?colour=blue")).Problem.ShouldBe("token-needed");
    }

    [Fact]
    public async Task Projects_Are_Found_In_Any_Case_As_In_GitLab()
    {
        await _web.HookAsync(Hooks.Tag("v1.0.0", "acme/Shop"));
        await _web.HookAsync(Hooks.Tag("nightly", "acme/Shop"));

        foreach (var path in new[] { "releases?project=ACME/shop", "releases?project=acme/Shop", "deliveries?project=acme/SHOP&outcome=ignored" })
        {
            (await _web.GetAsync($"/api/v1/{path}")).Json.GetProperty("items").GetArrayLength().ShouldBe(1, path);
        }
    }

    [Fact]
    public async Task Retry_And_Cancel_Follow_The_State()
    {
        var id = (await _web.HookAsync(Hooks.Tag())).Release;
        (await _web.PostAsync($"/api/v1/releases/{id}/retry")).ShouldSatisfyAllConditions(
            answer => answer.Status.ShouldBe(HttpStatusCode.Conflict), answer => answer.Problem.ShouldBe("state-forbids"),
            answer => answer.Json.GetProperty("status").GetInt32().ShouldBe(409), answer => answer.Json.GetProperty("releaseStatus").GetString().ShouldBe("verifying"));

        var canceled = await _web.PostAsync($"/api/v1/releases/{id}/cancel");
        canceled.Status.ShouldBe(HttpStatusCode.Accepted);
        canceled.Json.GetProperty("status").GetString().ShouldBe("canceled");
        canceled.Json.GetProperty("reason").GetProperty("message").GetString().ShouldBe("Canceled by ci.");
        (await _web.PostAsync($"/api/v1/releases/{id}/cancel")).Status.ShouldBe(HttpStatusCode.Conflict);

        var retried = await _web.PostAsync($"/api/v1/releases/{id}/retry");
        retried.Status.ShouldBe(HttpStatusCode.Accepted);
        retried.Json.GetProperty("attempt").GetInt32().ShouldBe(2);
        retried.Json.GetProperty("stages").GetArrayLength().ShouldBe(0);
        (await _web.PostAsync($"/api/v1/releases/{Guid.Empty}/retry")).Problem.ShouldBe("release-not-found");
    }

    [Fact]
    public async Task Image_Tag_Is_Shown_With_Its_Moves()
    {
        var digest = await _web.PublishHookAsync("v1.2.3");

        var image = (await _web.GetAsync("/api/v1/images?reference=registry.example/acme/shop:latest")).Json;
        image.GetProperty("kind").GetString().ShouldBe("floating");
        image.GetProperty("digest").GetString().ShouldBe(digest.Value);
        // The web role alone has no way to a registry: what it says is what a worker saw.
        image.GetProperty("note").GetString().ShouldNotBeNull().ShouldStartWith("By history alone: this process has no access to the registry, and did not ask it.");
        image.GetProperty("registryDigest").GetString().ShouldBe(digest.Value);
        image.GetProperty("registryAskedAt").GetDateTimeOffset().ShouldBeLessThanOrEqualTo(TimeProvider.System.GetUtcNow());
        image.GetProperty("moves").EnumerateArray().ShouldHaveSingleItem().GetProperty("verdict").GetString().ShouldBe("created");
        image.GetProperty("next").ValueKind.ShouldBe(JsonValueKind.Null);
        await _web.SqlAsync("UPDATE tag_owners SET seen_at = NULL, seen_digest = NULL");
        var unseen = (await _web.GetAsync("/api/v1/images?reference=registry.example/acme/shop:latest")).Json;
        unseen.GetProperty("note").GetString().ShouldNotBeNull().ShouldEndWith("no worker has looked at this tag yet.");
        (unseen.GetProperty("registryDigest").ValueKind, unseen.GetProperty("registryAskedAt").ValueKind).ShouldBe((JsonValueKind.Null, JsonValueKind.Null));

        var before = (await _web.GetAsync("/api/v1/images?reference=registry.example/acme/shop:latest&at=2020-01-01T00:00:00Z")).Json;
        before.GetProperty("digest").ValueKind.ShouldBe(JsonValueKind.Null);
        (await _web.GetAsync("/api/v1/images?reference=registry.example/acme/shop:v9")).Problem.ShouldBe("image-not-found");
        (await _web.GetAsync("/api/v1/images?reference=shop")).Problem.ShouldBe("invalid-parameter");
        (await _web.GetAsync("/api/v1/images")).Problem.ShouldBe("invalid-parameter");
    }

    [Fact]
    public async Task Moves_Of_A_Tag_Are_Paged_And_A_Drift_Is_Shown_As_It_Was_Known_Then()
    {
        const string Path = "/api/v1/images?reference=registry.example/acme/shop:latest";
        var first = await _web.PublishHookAsync("v1.0.0");
        var second = await _web.PublishHookAsync("v1.1.0");
        await _web.SqlAsync("UPDATE tag_owners SET next_check_at = 1 WHERE kind = 'floating'");
        var drift = _web.Get<DriftLedger>();
        var check = (await drift.ClaimAsync(10, WebFixture.Cancellation)).ShouldHaveSingleItem();
        await drift.DriftAsync(check, first, isRestored: false, "somebody pushed past us", [], WebFixture.Cancellation);
        await drift.AgreeAsync(check, WebFixture.Cancellation);

        var pages = new List<JsonElement>();
        for (string? next = ""; next is not null; next = pages[^1].GetProperty("next").GetString())
        {
            pages.Add((await _web.GetAsync($"{Path}&limit=1{(next.Length > 0 ? $"&cursor={next}" : "")}")).Json);
        }

        var moves = pages.ConvertAll(page => page.GetProperty("moves").EnumerateArray().ShouldHaveSingleItem());
        moves.Select(move => move.GetProperty("verdict").GetString()).ShouldBe(["agreed", "drifted", "created", "created"]);
        var atDrift = await AtAsync(moves[1]);
        atDrift.GetProperty("digest").GetString().ShouldBe(second.Value);
        atDrift.GetProperty("drift").GetProperty("digest").GetString().ShouldBe(first.Value);
        (await AtAsync(moves[0])).GetProperty("drift").ValueKind.ShouldBe(JsonValueKind.Null);
        (await AtAsync(moves[3])).GetProperty("digest").GetString().ShouldBe(first.Value);
        (await _web.GetAsync($"{Path}&limit=0")).Problem.ShouldBe("invalid-parameter");
        (await _web.GetAsync($"{Path}&cursor=1")).Problem.ShouldBe("invalid-parameter");
        var cursor = pages[0].GetProperty("next").GetString();
        (await _web.GetAsync($"/api/v1/images?reference=registry.example/acme/shop:unknown&cursor={cursor}")).Problem.ShouldBe("image-not-found");

        async Task<JsonElement> AtAsync(JsonElement move) =>
            (await _web.GetAsync($"{Path}&at={Uri.EscapeDataString(move.GetProperty("at").GetString()!)}")).Json;
    }

    [Fact]
    public async Task Queue_Says_What_Each_Release_Waits_For()
    {
        await _web.HookAsync(Hooks.Tag("v1.0.0"));
        var running = await _web.StartRunAsync();
        await _web.HookAsync(Hooks.Tag("v1.1.0"));
        var blocked = await _web.QueueAsync();
        await _web.HookAsync(Hooks.Tag("v1.0.0", "acme/tool", 8));
        await _web.QueueAsync();
        await _web.HookAsync(Hooks.Tag("v1.0.0", "acme/other", 9));

        var queue = (await _web.GetAsync("/api/v1/queue")).Json;

        queue.GetProperty("running").EnumerateArray().ShouldHaveSingleItem().GetProperty("worker").GetString().ShouldBe("worker-1");
        var waiting = queue.GetProperty("waiting").EnumerateArray().ToDictionary(item => item.GetProperty("project").GetString()!);
        waiting["acme/shop"].GetProperty("id").GetGuid().ShouldBe(blocked);
        waiting["acme/shop"].GetProperty("waitsFor").GetString().ShouldBe($"release {running.Release.Id}, which publishes to registry.example/acme/shop now");
        waiting["acme/tool"].GetProperty("waitsFor").GetString().ShouldBe("a worker: none was seen in the last minute");
        waiting["acme/other"].GetProperty("waitsFor").GetString().ShouldBe("GitLab to say whether the ref is protected");
        waiting.Values.Select(item => item.GetProperty("position").GetInt32()).Order().ShouldBe([1, 2, 3]);
    }

    [Fact]
    public async Task Deliveries_Are_Listed_And_Shown_With_Headers_And_Body()
    {
        await _web.HookAsync(Hooks.Tag(), "d-1");
        await _web.HookAsync(Hooks.Tag("nightly"), "d-2");

        var list = (await _web.GetAsync("/api/v1/deliveries")).Json.GetProperty("items").EnumerateArray().ToList();
        list.Select(item => item.GetProperty("outcome").GetString()).ShouldBe(["ignored", "accepted"]);
        (await _web.GetAsync("/api/v1/deliveries?outcome=accepted&limit=1")).Json.GetProperty("items").GetArrayLength().ShouldBe(1);
        (await _web.GetAsync("/api/v1/deliveries?outcome=lost")).Problem.ShouldBe("invalid-parameter");

        var one = (await _web.GetAsync($"/api/v1/deliveries/{list[1].GetProperty("id").GetGuid()}")).Json;
        one.GetProperty("key").GetString().ShouldBe("d-1");
        one.GetProperty("headers").GetProperty("X-Gitlab-Event").GetString().ShouldBe("Tag Push Hook");
        one.GetProperty("body").GetProperty("ref").GetString().ShouldBe("refs/tags/v1.0.0");
        (await _web.GetAsync($"/api/v1/deliveries/{Guid.Empty}")).Problem.ShouldBe("delivery-not-found");
    }

    [Fact]
    public async Task Replay_Judges_By_The_Rules_Of_Today()
    {
        var rejected = await _web.HookAsync(Hooks.Tag(), "d-1");
        var replay = $"/api/v1/deliveries/{rejected.Json.GetProperty("deliveryId").GetGuid()}/replay";
        (await _web.PostAsync(replay)).Outcome.ShouldBe("duplicate");
        await _web.RejectAsync();
        (await _web.PostAsync(replay)).ShouldSatisfyAllConditions(
            answer => answer.Status.ShouldBe(HttpStatusCode.Accepted), answer => answer.Release.ShouldBe(rejected.Release));

        var ignored = await _web.HookAsync(Hooks.Tag("nightly"), "d-2");
        (await _web.PostAsync($"/api/v1/deliveries/{ignored.Json.GetProperty("deliveryId").GetGuid()}/replay")).ReasonCode.ShouldBe("ref-not-matched");

        // Its body is not kept, and the ref's name is all that stood in the way: as if the rule had been changed.
        await _web.SqlAsync("UPDATE deliveries SET ref = 'refs/tags/v3.0.0' WHERE key = 'd-2'");
        (await _web.PostAsync($"/api/v1/deliveries/{ignored.Json.GetProperty("deliveryId").GetGuid()}/replay")).Outcome.ShouldBe("accepted");

        var unknown = await _web.HookAsync("{\"object_kind\":\"issue\"}", "d-3");
        (await _web.PostAsync($"/api/v1/deliveries/{unknown.Json.GetProperty("deliveryId").GetGuid()}/replay")).Problem.ShouldBe("not-replayable");
    }

    [Fact]
    public async Task Metrics_Count_Deliveries_And_Active_Releases()
    {
        await _web.HookAsync(Hooks.Tag());
        await _web.SendAsync(WebFixture.HookRequest(new StringContent("{}", System.Text.Encoding.UTF8, "application/json"), secret: "wrong"));

        var metrics = (await _web.GetAsync("/metrics")).Text;

        metrics.ShouldContain("releasebot_deliveries_total{outcome=\"accepted\"} 1\n");
        metrics.ShouldContain("releasebot_deliveries_refused_total 1\n");
        metrics.ShouldContain("releasebot_releases_active{status=\"verifying\"} 1\n");
        metrics.ShouldContain("releasebot_releases_recent{status=\"failed\"} 0\n");

        await _web.SqlAsync("UPDATE releases SET status = 'failed'");

        metrics = (await _web.GetAsync("/metrics")).Text;
        metrics.ShouldContain("releasebot_releases_active{status=\"verifying\"} 0\n");
        metrics.ShouldContain("releasebot_releases_recent{status=\"failed\"} 1\n");
        metrics.ShouldContain("releasebot_workers_alive 0\n");
    }

    [Fact]
    public async Task Readiness_Names_The_Store()
    {
        (await _web.GetAsync("/healthz/live")).Status.ShouldBe(HttpStatusCode.OK);
        var ready = await _web.GetAsync("/healthz/ready");
        ready.Json.GetRawText().ShouldBe("""{"status":"ready","dependencies":[{"name":"store","status":"ok","detail":null}]}""");
    }
}
