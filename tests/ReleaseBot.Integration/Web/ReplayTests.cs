using System.Text.Json;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Integration.GitLab;
using ReleaseBot.Integration.History;
using ReleaseBot.Parts;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

/// <summary>A stored delivery is judged again after a restart with other rules: first as a plan, then for real, and the plan comes true.</summary>
public abstract class ReplayTests(IDatabases databases) : IAsyncLifetime
{
    private GitLabFixture _gitLab = null!;
    private HistoryHost _history = null!;

    public async ValueTask InitializeAsync()
    {
        _gitLab = await GitLabFixture.StartAsync();
        await _gitLab.CommitAsync("Dockerfile", "FROM scratch\n");
        await _gitLab.Clone.TagAsync("v1.2.3", "Release", WebFixture.Cancellation);
        await _gitLab.Clone.PushAsync(WebFixture.Cancellation, "HEAD:refs/heads/main", "v1.2.3");
        _history = await databases.CreateAsync(null, WebFixture.Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _history.DisposeAsync();
        await _gitLab.DisposeAsync();
    }

    [Fact]
    public async Task Replay_After_A_Restart_Follows_The_Rules_Of_Today_As_Its_Plan_Said()
    {
        var tag = (await _gitLab.Clone.GitAsync(WebFixture.Cancellation, "rev-parse", "v1.2.3")).Trim();
        string path;
        await using (var before = await StartAsync(Rule("release-*", "{tag}")))
        {
            var sent = await before.HookAsync(Hooks.Tag("v1.2.3", projectId: 42, after: tag), "d-1");
            sent.ReasonCode.ShouldBe("ref-not-matched");
            path = $"/api/v1/deliveries/{sent.Json.GetProperty("deliveryId").GetGuid()}/replay";
            await ShouldBeIgnoredAsync(before, path);
        }

        Guid id;
        await using (var unprotected = await StartAsync(Rule("v*", "{tag}", "latest")))
        {
            var planned = await PlanAsync(unprotected, path, release: null);
            (planned.GetProperty("verdict").GetString(), CodeOf(planned)).ShouldBe(("reject", "ref-not-protected"));
            (await _history.RowsAsync<Release>()).ShouldBeEmpty();
            id = await ReplayAsync(unprotected, path);
            await VerifyAsync(unprotected, id);
            var rejected = await ReadAsync(id);
            (rejected.Status, rejected.ReasonCode).ShouldBe((ReleaseStatus.Rejected, ReasonCode.RefNotProtected));
        }

        _gitLab.Project.ProtectedTags.Add("v*");
        await using (var after = await StartAsync(Rule("v*", "{tag}", "{major}.{minor}", "stable")))
        {
            var planned = await PlanAsync(after, path, id);
            planned.GetProperty("verdict").GetString().ShouldBe("publish");
            (await ReadAsync(id)).Attempt.ShouldBe(1);
            (await ReplayAsync(after, path)).ShouldBe(id);
            await VerifyAsync(after, id);

            var queued = await ReadAsync(id);
            (queued.Status, queued.Attempt, queued.Version, queued.Commit).ShouldBe(
                (ReleaseStatus.Queued, 2, planned.GetProperty("version").GetString(), planned.GetProperty("commit").GetString()));
            var images = planned.GetProperty("images").EnumerateArray().Select(image => image.GetProperty("reference").GetString()).ToList();
            images.ShouldBe(["registry.example/acme/shop:v1.2.3", "registry.example/acme/shop:1.2", "registry.example/acme/shop:stable"]);
            queued.Images.OrderBy(image => image.Ordinal).Select(image => image.Reference).ShouldBe(images);

            var standing = (await after.PostAsync($"{path}?dryRun=true")).Json;
            (standing.GetProperty("outcome").GetString(), standing.GetProperty("release").GetGuid()).ShouldBe(("duplicate", id));
            var answer = await after.PostAsync(path);
            (answer.Outcome, answer.Release).ShouldBe(("duplicate", id));
        }

        await using var narrower = await StartAsync(Rule("release-*", "{tag}"));
        await ShouldBeIgnoredAsync(narrower, path);
        (await ReadAsync(id)).Status.ShouldBe(ReleaseStatus.Queued);
    }

    private static async Task ShouldBeIgnoredAsync(WebFixture web, string path)
    {
        var plan = (await web.PostAsync($"{path}?dryRun=true")).Json;
        (plan.GetProperty("outcome").GetString(), CodeOf(plan)).ShouldBe(("ignored", "ref-not-matched"));
        var answer = await web.PostAsync(path);
        (answer.Outcome, answer.ReasonCode).ShouldBe(("ignored", "ref-not-matched"));
    }

    private static async Task<JsonElement> PlanAsync(WebFixture web, string path, Guid? release)
    {
        var answer = (await web.PostAsync($"{path}?dryRun=true")).Json;
        var about = answer.GetProperty("release");
        (answer.GetProperty("outcome").GetString(), about.ValueKind == JsonValueKind.Null ? (Guid?)null : about.GetGuid()).ShouldBe(("accepted", release));
        return answer.GetProperty("plan");
    }

    private static async Task<Guid> ReplayAsync(WebFixture web, string path)
    {
        var answer = await web.PostAsync(path);
        answer.Outcome.ShouldBe("accepted", answer.Text);
        return answer.Release;
    }

    private static async Task VerifyAsync(WebFixture web, Guid id)
    {
        var job = (await web.Get<VerificationQueue>().ClaimAsync("web", TimeSpan.FromMinutes(1), WebFixture.Cancellation)).ShouldNotBeNull();
        job.ReleaseId.ShouldBe(id);
        using var queued = new QueuedReleases(TimeProvider.System);
        await web.Create<Verifier>(web.Create<TagBaseline>(), web.Get<ReleaseBotSettings>().Projects, queued).VerifyAsync(job, WebFixture.Cancellation);
    }

    private Task<WebFixture> StartAsync(ProjectRule rule) => WebFixture.StartAsync(gitLab: _gitLab.Settings, storage: _history.Storage, rules: [rule]);

    private static ProjectRule Rule(string pattern, params string[] tags) => new()
    {
        Path = new ProjectPathPattern("acme/**"),
        Tags = [new RefPattern(pattern)],
        Images = [new ImageRule("main", "registry.example", Template.Parse("{project.path}"), [.. tags.Select(Template.Parse)])],
    };

    private static string? CodeOf(JsonElement json) => json.GetProperty("reason").GetProperty("code").GetString();

    private async Task<Release> ReadAsync(Guid id) => (await _history.Queries.ReleaseAsync(id, WebFixture.Cancellation)).ShouldNotBeNull();
}

public sealed class ReplayOnSqlite() : ReplayTests(new SqliteDatabases());

public sealed class ReplayOnPostgres(PostgresServer server) : ReplayTests(new PostgresDatabases(server));
