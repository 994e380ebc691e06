using System.Net;
using System.Net.Http.Headers;
using System.Text;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class IntakeTests : IAsyncLifetime
{
    private WebFixture _web = null!;

    public async ValueTask InitializeAsync() => _web = await WebFixture.StartAsync();

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    [Fact]
    public async Task Tag_Push_Is_On_Disk_When_It_Is_Answered()
    {
        var answer = await _web.HookAsync(Hooks.Tag(), "d-1");

        answer.Status.ShouldBe(HttpStatusCode.Accepted);
        answer.Outcome.ShouldBe("accepted");
        (await _web.SqlAsync("SELECT count(*) FROM deliveries WHERE key = 'd-1' AND outcome = 'accepted'")).ShouldBe(1);
        var release = (await _web.GetAsync($"/api/v1/releases/{answer.Release}")).Json;
        release.GetProperty("status").GetString().ShouldBe("verifying");
        release.GetProperty("trigger").GetProperty("user").GetString().ShouldBe("jdoe");
        release.GetProperty("trigger").GetProperty("deliveryId").GetGuid().ShouldBe(answer.Json.GetProperty("deliveryId").GetGuid());
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{\"object_kind\":\"tag_push\"")]
    [InlineData("{\"object_kind\":\"tag_push\",\"ref\":7}")]
    [InlineData("{\"object_kind\":\"tag_push\",\"project_id\":\"seven\"}")]
    [InlineData("{\"object_kind\":\"tag_push\"} trailing")]
    public async Task Unreadable_Body_Is_A_Problem(string body)
    {
        var answer = await _web.HookAsync(body);

        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.Problem.ShouldBe("unreadable-body");
        (await _web.SqlAsync("SELECT count(*) FROM deliveries")).ShouldBe(0);
    }

    [Fact]
    public async Task Deep_Nesting_Is_A_Problem() =>
        (await _web.HookAsync("{\"object_kind\":\"tag_push\",\"x\":" + new string('[', 5000) + new string(']', 5000) + "}")).Problem.ShouldBe("unreadable-body");

    [Fact]
    public async Task Invalid_Utf8_Is_A_Problem()
    {
        byte[] body = [.. "{\"object_kind\":\"tag_push\",\"ref\":\""u8, 0xff, 0xfe, .. "\"}"u8];
        var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

        (await _web.SendAsync(WebFixture.HookRequest(content))).Problem.ShouldBe("unreadable-body");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Largest_Body_Is_Taken_And_One_Byte_More_Is_Not(bool isChunked)
    {
        (await SendAsync(WebFixture.MaxBodyBytes)).Status.ShouldBe(HttpStatusCode.Accepted);
        (await SendAsync(WebFixture.MaxBodyBytes + 1)).Problem.ShouldBe("body-too-large");

        Task<Answer> SendAsync(int bytes)
        {
            var body = Encoding.UTF8.GetBytes(Hooks.OfLength(bytes));
            body.Length.ShouldBe(bytes);
            var request = WebFixture.HookRequest(new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } });
            request.Headers.TransferEncodingChunked = isChunked;
            return _web.SendAsync(request);
        }
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json-seq")]
    [InlineData(null)]
    public async Task Other_Content_Type_Is_Refused(string? type)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Hooks.Tag()));
        content.Headers.ContentType = type is null ? null : new MediaTypeHeaderValue(type);

        var answer = await _web.SendAsync(WebFixture.HookRequest(content));

        answer.Status.ShouldBe(HttpStatusCode.UnsupportedMediaType);
        answer.Problem.ShouldBe("not-json");
    }

    [Fact]
    public async Task Delivery_Is_Let_In_By_A_Good_Credential_Only()
    {
        var now = TimeProvider.System.GetUtcNow();
        var body = Hooks.Tag();
        var badSignature = Hooks.Signed(body, "d-3", now, "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q=");
        badSignature.Headers.Add("X-Gitlab-Token", WebFixture.HookSecret);
        HttpRequestMessage[] refused =
        [
            WebFixture.HookRequest(Content(), secret: null),
            WebFixture.HookRequest(Content(), secret: "wrong"),
            WebFixture.HookRequest(Content(), secret: WebFixture.HookSecret + "x"),
            // A bad signature never falls back to the token beside it.
            badSignature,
            Hooks.Signed(body, "d-4", now - TimeSpan.FromMinutes(6)),
            Hooks.Signed(body, "d-5", now + TimeSpan.FromMinutes(6)),
        ];
        foreach (var request in refused)
        {
            var answer = await _web.SendAsync(request);
            answer.Status.ShouldBe(HttpStatusCode.Unauthorized);
            answer.Problem.ShouldBe("delivery-refused");
        }

        (await _web.SqlAsync("SELECT count(*) FROM deliveries")).ShouldBe(0);
        (await _web.SendAsync(Hooks.Signed(body, "d-6", now))).Status.ShouldBe(HttpStatusCode.Accepted);

        StringContent Content() => new(body, Encoding.UTF8, "application/json");
    }

    [Fact]
    public async Task Same_Delivery_Makes_One_Release()
    {
        var first = await _web.HookAsync(Hooks.Tag(), "d-1");
        var second = await _web.HookAsync(Hooks.Tag(), "d-1");

        second.Status.ShouldBe(HttpStatusCode.OK);
        second.Outcome.ShouldBe("duplicate");
        second.ReasonCode.ShouldBe("already-accepted");
        second.Release.ShouldBe(first.Release);
    }

    [Fact]
    public async Task Same_Ref_By_Two_Hooks_Makes_One_Release()
    {
        var first = await _web.HookAsync(Hooks.Tag(), "project-hook");
        var second = await _web.HookAsync(Hooks.Tag(), "group-hook");

        second.Outcome.ShouldBe("duplicate");
        second.Release.ShouldBe(first.Release);
    }

    [Fact]
    public async Task Without_An_Id_The_Same_Content_Is_The_Same_Delivery()
    {
        await _web.HookAsync(Hooks.Tag());
        await _web.HookAsync(Hooks.Tag());

        (await _web.SqlAsync("SELECT count(*) FROM deliveries WHERE key LIKE 'content:%'")).ShouldBe(1);
    }

    [Fact]
    public async Task Twenty_At_Once_Make_One_Release()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(number => _web.HookAsync(Hooks.Tag(), $"d-{number % 10}")));

        answers.Select(answer => answer.Release).Distinct().ShouldHaveSingleItem();
        answers.Count(answer => answer.Outcome == "accepted").ShouldBe(1);
        (await _web.SqlAsync("SELECT count(*) FROM releases")).ShouldBe(1);
    }

    public static TheoryData<string, string> Ignored => new()
    {
        { Hooks.Tag(project: "other/shop"), "no-matching-project" },
        { Hooks.Tag("nightly"), "ref-not-matched" },
        { Hooks.Push("push", "refs/heads/main", "acme/shop", 7, Hooks.Id("a"), Hooks.Id("b")).ToJsonString(), "ref-not-matched" },
        { Hooks.Tag(after: Hooks.Zero, before: Hooks.Id("v1.0.0")), "ref-deleted" },
        { Hooks.Tag("v1..0"), "ref-invalid" },
        { Hooks.Tag("v1\u0000\u202e<script>"), "ref-invalid" },
        { "{\"object_kind\":\"merge_request\"}", "event-not-supported" },
        { "{\"object_kind\":\"tag_push\",\"ref\":\"refs/tags/v1\"}", "payload-incomplete" },
        { "{}", "event-not-supported" },
    };

    [Theory]
    [MemberData(nameof(Ignored))]
    public async Task Ignored_Delivery_Is_Stored_With_Its_Reason(string body, string code)
    {
        var answer = await _web.HookAsync(body, "d-1", body == "{}" ? "Wiki Page Hook" : "Tag Push Hook");

        answer.Status.ShouldBe(HttpStatusCode.OK);
        answer.Outcome.ShouldBe("ignored");
        answer.ReasonCode.ShouldBe(code);
        var stored = (await _web.GetAsync($"/api/v1/deliveries/{answer.Json.GetProperty("deliveryId").GetGuid()}")).Json;
        stored.GetProperty("reason").GetProperty("code").GetString().ShouldBe(code);
        stored.GetProperty("headers").TryGetProperty("X-Gitlab-Token", out _).ShouldBeFalse();
    }

    [Fact]
    public async Task Resend_After_A_Rejection_Is_Judged_Again()
    {
        var first = await _web.HookAsync(Hooks.Tag(), "d-1");
        await _web.RejectAsync();

        var resend = await _web.HookAsync(Hooks.Tag(), "d-1");

        resend.Status.ShouldBe(HttpStatusCode.Accepted);
        resend.Release.ShouldBe(first.Release);
        var release = (await _web.GetAsync($"/api/v1/releases/{first.Release}")).Json;
        release.GetProperty("attempt").GetInt32().ShouldBe(2);
        release.GetProperty("status").GetString().ShouldBe("verifying");
    }

    [Fact]
    public async Task Store_That_Fails_Is_A_503_And_Loses_Nothing()
    {
        await _web.SqlAsync("CREATE TRIGGER full BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END");
        var failed = await Task.WhenAll(Enumerable.Range(0, 5).Select(number => _web.HookAsync(Hooks.Tag($"v1.0.{number}"), $"d-{number}")));
        foreach (var answer in failed)
        {
            answer.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
            answer.Problem.ShouldBe("not-stored");
            answer.Headers["Retry-After"].ShouldBe("30");
            answer.Text.ShouldNotContain("disk is full");
        }

        await _web.SqlAsync("DROP TRIGGER full");
        var resent = await Task.WhenAll(Enumerable.Range(0, 5).Select(number => _web.HookAsync(Hooks.Tag($"v1.0.{number}"), $"d-{number}")));

        resent.ShouldAllBe(answer => answer.Status == HttpStatusCode.Accepted);
        (await _web.SqlAsync("SELECT count(*) FROM releases")).ShouldBe(5);
    }

    [Fact]
    public async Task Store_That_Is_Too_Slow_Is_A_503_Before_GitLab_Hangs_Up()
    {
        var started = TimeProvider.System.GetTimestamp();
        await using (var blocker = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_web.DatabasePath};Pooling=False"))
        {
            await blocker.OpenAsync(WebFixture.Cancellation);
            await using var command = blocker.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            await command.ExecuteNonQueryAsync(WebFixture.Cancellation);

            (await _web.HookAsync(Hooks.Tag(), "d-1")).Problem.ShouldBe("not-stored");
            TimeProvider.System.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(10));
            command.CommandText = "ROLLBACK";
            await command.ExecuteNonQueryAsync(WebFixture.Cancellation);
        }

        // What was answered with "nothing came of it" is not stored once the lock is gone. A delivery that comes after it is written after it, were it written.
        await _web.HookAsync(Hooks.Tag("v1.0.1"), "d-2");
        (await _web.SqlAsync("SELECT count(*) FROM deliveries")).ShouldBe(1);
        var resend = await _web.HookAsync(Hooks.Tag(), "d-1");
        resend.Outcome.ShouldBe("accepted");
        (await _web.GetAsync($"/api/v1/releases/{resend.Release}")).Json.GetProperty("status").GetString().ShouldBe("verifying");
        (await _web.SqlAsync("SELECT count(*) FROM releases")).ShouldBe(2);
    }

    [Fact]
    public async Task Half_A_Surrogate_Pair_That_Nobody_Reads_Does_Not_Hide_The_Delivery()
    {
        var body = Hooks.Tag().Replace("\"commits\":[]", "\"commits\":[{\"message\":\"cut \\ud83d\"}]", StringComparison.Ordinal);
        body.ShouldContain("ud83d");
        var stored = await _web.HookAsync(body, "d-1");
        stored.Status.ShouldBe(HttpStatusCode.Accepted);

        var shown = await _web.GetAsync($"/api/v1/deliveries/{stored.Json.GetProperty("deliveryId").GetGuid()}");

        shown.Status.ShouldBe(HttpStatusCode.OK);
        shown.Text.ShouldContain("\"message\":\"cut \\ud83d\"");
        shown.Json.GetProperty("body").GetProperty("ref").GetString().ShouldBe("refs/tags/v1.0.0");
    }

    [Fact]
    public async Task Every_Recorded_Payload_Is_Answered_With_A_Reason()
    {
        var folder = Environment.GetEnvironmentVariable("RELEASEBOT_PAYLOADS") ?? Repository.Path("tests/ReleaseBot.Integration/Web/Payloads");
        var files = Directory.GetFiles(folder, "*.json").Where(file => !Path.GetFileName(file).Contains("_api_", StringComparison.Ordinal)).ToList();
        files.Count.ShouldBeGreaterThan(3, $"no payloads in {folder}");
        foreach (var file in files)
        {
            var answer = await _web.HookAsync(await File.ReadAllTextAsync(file, WebFixture.Cancellation), Path.GetFileName(file), "System Hook");

            ((int)answer.Status).ShouldBeInRange(200, 202, file);
            if (answer.Outcome != "accepted")
            {
                EnumText.Parse<ReasonCode>(answer.ReasonCode).ShouldNotBeNull(file);
            }
        }
    }
}
