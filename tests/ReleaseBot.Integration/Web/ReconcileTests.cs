using System.Text.Json;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.GitLab.Hooks;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public abstract class ReconcileTests
{
    private const string ReadOnly = "glpat-read-only-0123";

    private static CancellationToken Cancellation => WebFixture.Cancellation;

    [Fact]
    public async Task Of_Five_Thousand_Idle_Projects_A_Round_Asks_For_The_List_Alone_And_A_Lost_Tag_Is_Found_At_Its_Beginning()
    {
        await using var world = await StartAsync(new GitLabStandInOptions());
        await world.AddIdleAsync(4999);
        using var clone = await world.AddShopAsync("v0.9.0");

        var first = await world.RoundAsync();
        world.Idle();
        var second = await world.RoundAsync();
        await world.LoseTagAsync(clone, "v1.0.0");
        var before = world.GitLab.Requests.Count;
        var third = await world.RoundAsync();

        TestContext.Current.SendDiagnosticMessage($"requests: first {Requests(first)}, second {Requests(second)}, third {Requests(third)}");
        first.GetProperty("projects").GetProperty("new").GetInt32().ShouldBe(5000);
        // 50 pages, each project's tags and hooks, the groups.
        Requests(first).ShouldBe(50 + 5000 + 5000 + 1);
        Requests(second).ShouldBe(50);
        second.GetProperty("projects").GetProperty("unchanged").GetInt32().ShouldBe(5000);
        third.GetProperty("notModified").GetInt32().ShouldBeGreaterThan(0);
        third.GetProperty("missing").EnumerateArray().ShouldHaveSingleItem().GetProperty("tag").GetString().ShouldBe("v1.0.0");
        // Its tags, and its hooks, since one of them should have told; besides the pages.
        Requests(third).ShouldBe(50 + 2);
        // While the first pages are read.
        world.GitLab.Requests.Skip(before).OrderBy(request => request.Arrival).TakeWhile(request => !request.Path.EndsWith("/42/repository/tags", StringComparison.Ordinal))
            .Count().ShouldBeLessThan(10);
        (await world.Web.GetAsync("/api/v1/releases")).Json.GetProperty("items").EnumerateArray().ShouldHaveSingleItem()
            .GetProperty("trigger").GetProperty("kind").GetString().ShouldBe("reconcile");
        world.GitLab.UnexpectedRequests.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Round_Keeps_To_Half_Of_The_Rate_Limit_And_Still_Ends()
    {
        const int Limit = 100;
        await using var world = await StartAsync(new GitLabStandInOptions { RequestLimit = Limit, RequestWindow = TimeSpan.FromSeconds(2) });
        await world.AddIdleAsync(120);
        using var clone = await world.AddShopAsync();
        await world.MakeKnownAsync();
        await world.LoseTagAsync(clone, "v1.0.0");

        var round = await world.RoundAsync();

        round.GetProperty("isComplete").GetBoolean().ShouldBeTrue();
        Requests(round).ShouldBe(2 + 121 + 121 + 1);
        round.GetProperty("missing").EnumerateArray().ShouldHaveSingleItem().GetProperty("project").GetString().ShouldBe("acme/shop");
        // Of the first answer nothing is known, and four are asked side by side.
        world.GitLab.MostRequestsInAWindow.ShouldBeInRange(Limit / 4, Limit / 2 + 4);
        world.GitLab.Requests.ShouldAllBe(request => request.Status != 429);
    }

    [Fact]
    public async Task A_Refusal_Is_Waited_Out_And_The_Round_Goes_On_Where_It_Was()
    {
        await using var world = await StartAsync(new GitLabStandInOptions());
        await world.AddIdleAsync(20);
        world.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Status, Matches = "/repository/tags", Skip = 3, Times = 2, Status = 429, RetryAfterSeconds = 1 });

        var round = await world.RoundAsync();

        round.GetProperty("projects").GetProperty("new").GetInt32().ShouldBe(20);
        round.GetProperty("failures").GetArrayLength().ShouldBe(0);
        round.GetProperty("waitedSeconds").GetDouble().ShouldBeGreaterThanOrEqualTo(1);
        Requests(round).ShouldBe(1 + 20 + 2 + 20 + 1);
    }

    [Fact]
    public async Task A_Round_That_Was_Stopped_Goes_On_Where_It_Was()
    {
        await using var world = await StartAsync(new GitLabStandInOptions());
        await world.AddIdleAsync(300);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var run = world.Web.Create<Reconciler>().RunAsync(stop.Token);
        while (world.TagRequests < 100 && !run.IsCompleted)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, Cancellation);
        }

        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(run);
        (await world.ReportAsync()).GetProperty("last").GetProperty("isComplete").GetBoolean().ShouldBeFalse();
        var done = world.TagRequests;
        done.ShouldBeLessThan(300);
        var round = await world.RoundAsync();

        round.GetProperty("isComplete").GetBoolean().ShouldBeTrue();
        round.GetProperty("projects").GetProperty("seen").GetInt32().ShouldBe(300);
        // At the most the four that were under way are asked for again.
        world.TagRequests.ShouldBeInRange(300, 304);
        round.GetProperty("projects").GetProperty("new").GetInt32().ShouldBeLessThanOrEqualTo(300 - done + 4);
    }

    [Fact]
    public async Task A_List_That_Breaks_Off_Is_Told_And_Does_Not_Have_Every_Known_Project_Asked_For()
    {
        await using var world = await StartAsync(new GitLabStandInOptions());
        await world.AddIdleAsync(250);
        await world.RoundAsync();
        world.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Status, Matches = "GET /api/v4/projects", Skip = 1, Status = 500 });

        var round = await world.RoundAsync();

        round.GetProperty("isComplete").GetBoolean().ShouldBeFalse();
        round.GetProperty("projects").GetProperty("seen").GetInt32().ShouldBe(100);
        round.GetProperty("failures").EnumerateArray().ShouldHaveSingleItem().GetProperty("project").GetString().ShouldBe("the list of projects");
        Requests(round).ShouldBe(1 + 3);
    }

    [Fact]
    public async Task A_Tag_That_Is_Protected_Later_Is_Found_When_Its_Project_Is_Looked_At_Again()
    {
        await using var world = await StartAsync(new GitLabStandInOptions());
        using var clone = await world.AddShopAsync();
        await world.RoundAsync();
        world.Shop.ProtectedTags.Remove("v*");
        await world.LoseTagAsync(clone, "v1.0.0");
        (await world.RoundAsync()).GetProperty("missingTags").GetInt32().ShouldBe(0);
        world.Shop.ProtectedTags.Add("v*");

        (await world.RoundAsync()).GetProperty("missingTags").GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task A_Disabled_Hook_Is_Found_Told_And_Enabled_And_Publishes_Nothing()
    {
        await using var world = await StartAsync(new GitLabStandInOptions());
        // The newest commit and its tag are what a sample of GitLab's would be made of.
        using var clone = await world.AddShopAsync("v1.0.0");
        world.GitLab.AddGroup("acme");
        var ours = world.AddHook(HookScope.Project, "acme/shop", new Uri(world.Web.Address, "/webhooks/gitlab"));
        var groups = world.AddHook(HookScope.Group, "acme", new Uri(world.Web.Address, "/webhooks/gitlab"));
        var other = world.AddHook(HookScope.Project, "acme/shop", new Uri("http://127.0.0.1:9/elsewhere"));
        world.GitLab.FailHook(ours.Id, 40);
        world.GitLab.FailHook(groups.Id, 5);
        world.GitLab.FailHook(other.Id, 40);

        var found = await world.RoundAsync();
        var report = await world.ReportAsync();
        var page = (await world.Web.GetAsync("/")).Text;
        var healed = await world.RoundAsync();

        var hooks = found.GetProperty("hooks");
        (hooks.GetProperty("asked").GetInt32(), hooks.GetProperty("disabled").GetInt32(), hooks.GetProperty("enabled").GetInt32()).ShouldBe((2, 2, 2));
        report.GetProperty("disabledHooks").EnumerateArray().Select(hook => (hook.GetProperty("kind").GetString(), hook.GetProperty("path").GetString(), hook.GetProperty("status").GetString()))
            .ShouldBe([("group", "acme", "temporarily_disabled"), ("project", "acme/shop", "disabled")]);
        report.GetProperty("disabledHooks")[1].GetProperty("attempt").GetString().ShouldNotBeNull().ShouldContain("took it");
        page.ShouldContain("GitLab has disabled hooks");
        page.ShouldContain("project acme/shop (hook 1, disabled)");
        page.ShouldContain("Reconciled with GitLab");
        world.GitLab.HookStatus(ours.Id).ShouldBe("executable");
        world.GitLab.HookStatus(other.Id).ShouldBe("disabled");
        healed.GetProperty("hooks").GetProperty("disabled").GetInt32().ShouldBe(0);
        (await world.ReportAsync()).GetProperty("disabledHooks").GetArrayLength().ShouldBe(0);
        (await world.Web.GetAsync("/")).Text.ShouldNotContain("GitLab has disabled hooks");
        (await world.Web.GetAsync("/api/v1/deliveries?outcome=ignored")).Json.GetProperty("items").GetArrayLength().ShouldBe(2);
        (await world.Web.GetAsync("/api/v1/releases")).Json.GetProperty("items").GetArrayLength().ShouldBe(0);
        world.GitLab.UnexpectedRequests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Where_The_Token_May_Not_Enable_A_Hook_It_Is_Told_And_Not_Tried_In_Each_Round()
    {
        await using var world = await StartAsync(new GitLabStandInOptions { ReadOnlyToken = ReadOnly }, ReadOnly);
        using var clone = await world.AddShopAsync();
        await world.AddIdleAsync(1);
        world.GitLab.FindProject("acme/idle-0")!.BotMayManageHooks = false;
        var ours = world.AddHook(HookScope.Project, "acme/shop", new Uri("https://releasebot.example/webhooks/gitlab"));
        world.GitLab.FailHook(ours.Id, 40);
        var reconciler = world.Web.Create<Reconciler>();

        await reconciler.RunAsync(Cancellation);
        await reconciler.RunAsync(Cancellation);

        var report = await world.ReportAsync();
        report.GetProperty("last").GetProperty("hooks").GetProperty("disabled").GetInt32().ShouldBe(1);
        report.GetProperty("disabledHooks")[0].GetProperty("attempt").GetString().ShouldNotBeNull().ShouldContain("scope api");
        world.GitLab.Requests.Count(request => request.Method == "POST" && request.Path.Contains("/hooks/", StringComparison.Ordinal)).ShouldBe(1);
        world.GitLab.Requests.Count(request => request.Status == 403 && request.Method == "GET").ShouldBe(1);
    }

    [Fact]
    public async Task Before_The_First_Round_There_Is_Nothing_To_Tell()
    {
        await using var web = await WebFixture.StartAsync(storage: await StorageAsync());

        var report = (await web.GetAsync("/api/v1/reconcile")).Json;

        (report.GetProperty("running").ValueKind, report.GetProperty("last").ValueKind).ShouldBe((JsonValueKind.Null, JsonValueKind.Null));
        report.GetProperty("disabledHooks").GetArrayLength().ShouldBe(0);
    }

    private static int Requests(JsonElement round) => round.GetProperty("requests").GetInt32();

    /// <summary>A GitLab and the web role before it, whose rounds the test begins itself.</summary>
    /// <returns>Null for a SQLite of the fixture's own.</returns>
    private protected abstract Task<StorageSettings?> StorageAsync();

    private async Task<World> StartAsync(GitLabStandInOptions options, string? token = null) => await World.StartAsync(await StorageAsync(), options, token);

    private sealed class World : IAsyncDisposable
    {
        private World(GitLabStandIn gitLab, WebFixture web) => (GitLab, Web) = (gitLab, web);

        public GitLabStandIn GitLab { get; }

        public WebFixture Web { get; }

        public StandInProject Shop => GitLab.FindProject("acme/shop")!;

        public int TagRequests => GitLab.Requests.Count(request => request.Path.EndsWith("/repository/tags", StringComparison.Ordinal));

        private Reconciler Reconciler => field ??= Web.Create<Reconciler>();

        /// <summary>Five thousand projects commit more often than a disk would bear in the test's time.</summary>
        private static string? InMemory() =>
            Directory.Exists("/dev/shm") ? System.IO.Path.Combine("/dev/shm", $"releasebot-web-{System.IO.Path.GetRandomFileName()}") : null;

        public static async Task<World> StartAsync(StorageSettings? storage, GitLabStandInOptions options, string? token)
        {
            var gitLab = await GitLabStandIn.StartAsync(options, Cancellation);
            var settings = new GitLabSettings { Url = gitLab.Url, Token = new Secret(token ?? options.Token) };
            return new World(gitLab, await WebFixture.StartAsync(gitLab: settings, folder: InMemory(), storage: storage));
        }

        /// <summary>Projects without activity for two days.</summary>
        public Task AddIdleAsync(int count)
        {
            for (var number = 0; number < count; number++)
            {
                GitLab.AddEmptyProject($"acme/idle-{number}").LastActivityAt = LongAgo;
            }

            return Task.CompletedTask;
        }

        /// <summary>A project with a commit, and tags that no hook tells of.</summary>
        public async Task<StandInRepository> AddShopAsync(params string[] tags)
        {
            var project = await GitLab.AddProjectAsync("acme/shop", 42, Cancellation);
            project.ProtectedTags.Add("v*");
            var clone = await StandInRepository.CreateAsync(GitLab, project, Cancellation);
            await clone.CommitAsync(new Dictionary<string, string?> { ["Dockerfile"] = "FROM scratch" }, "Begin", Cancellation);
            await clone.PushAsync(Cancellation, "main");
            foreach (var tag in tags)
            {
                await clone.TagAsync(tag, null, Cancellation);
                await clone.PushAsync(Cancellation, tag);
            }

            Idle();
            return clone;
        }

        /// <summary>As if the shop were known for long, without tags.</summary>
        public async Task MakeKnownAsync()
        {
            var catalog = Web.Get<ProjectCatalog>();
            await catalog.EnsureAsync(Shop.Id, Shop.Path, Shop.WebUrl.AbsoluteUri, Cancellation);
            await catalog.SetBaselineAsync(Shop.Id, LongAgo, LongAgo, [], Cancellation);
        }

        public void Idle() => Shop.LastActivityAt = LongAgo;

        public async Task LoseTagAsync(StandInRepository clone, string tag)
        {
            await clone.CommitAsync(new Dictionary<string, string?> { ["version"] = tag }, tag, Cancellation);
            await clone.TagAsync(tag, null, Cancellation);
            GitLab.LosesHooks = true;
            await clone.PushAsync(Cancellation, "main", tag);
        }

        public StandInHook AddHook(HookScope scope, string owner, Uri url) =>
            GitLab.AddHook(new StandInHook { Url = url, Scope = scope, Owner = owner, Token = WebFixture.HookSecret });

        /// <summary>One round, and its report.</summary>
        public async Task<JsonElement> RoundAsync()
        {
            await Reconciler.RunAsync(Cancellation);
            return (await ReportAsync()).GetProperty("last");
        }

        public async Task<JsonElement> ReportAsync() => (await Web.GetAsync("/api/v1/reconcile")).Json;

        public async ValueTask DisposeAsync()
        {
            await Web.DisposeAsync();
            await GitLab.DisposeAsync();
        }

        private static DateTimeOffset LongAgo => TimeProvider.System.GetUtcNow().AddDays(-2);
    }
}

public sealed class ReconcileOnSqlite : ReconcileTests
{
    private protected override Task<StorageSettings?> StorageAsync() => Task.FromResult<StorageSettings?>(null);
}

public sealed class ReconcileOnPostgres(PostgresServer server) : ReconcileTests
{
    private protected override async Task<StorageSettings?> StorageAsync() =>
        new() { Provider = StorageProvider.Postgres, ConnectionString = new Secret(await server.CreateDatabaseAsync(WebFixture.Cancellation)) };
}
