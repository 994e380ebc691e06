using System.Collections.Concurrent;
using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>Which release runs next, and that nothing runs twice.</summary>
public abstract class ClaimTests(IDatabases databases) : HistoryTest(databases)
{
    [Fact]
    public async Task A_Claim_Starts_The_Release_Under_A_New_Fence()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var before = (await ReadAsync(id)).Fence;

        var run = await ClaimRunAsync();

        (run.Release.Id, run.Release.Status, run.Release.Owner).ShouldBe((id, ReleaseStatus.Building, "worker"));
        run.Fence.ShouldBe(before + 1);
        run.Release.Images.Select(image => image.Tag).ShouldBe(["v1.0.0", "latest"]);
        var row = await ReadAsync(id);
        (row.Fence, row.Status, row.Owner).ShouldBe((run.Fence, ReleaseStatus.Building, "worker"));
        row.Stages.Single(stage => stage.Name == StageName.Queue).Status.ShouldBe(StageStatus.Done);
        (await History.Runs.ClaimAsync("other", engine: null, History.Lease, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Lease_That_Ends_Gives_The_Release_To_Another()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var dead = (await History.Runs.ClaimAsync("dead", engine: null, History.ShortLease, Token)).ShouldNotBeNull();

        var next = await History.UntilAsync(() => History.Runs.ClaimAsync("next", engine: null, History.Lease, Token));

        next.Release.Id.ShouldBe(dead.Release.Id);
        next.Fence.ShouldBe(dead.Fence + 1);
        (dead.TakenOverFrom, next.TakenOverFrom).ShouldBe((null, "dead"));
        (await History.Runs.RenewAsync(dead, History.Lease, Token)).ShouldBe(LeaseState.Lost);
        (await History.Runs.RenewAsync(next, History.Lease, Token)).ShouldBe(LeaseState.Held);
    }

    [Fact]
    public async Task A_Lease_That_Has_Ended_Cannot_Be_Renewed_Since_Its_Repository_May_Be_Anothers()
    {
        var other = await QueueTagAsync(8, "v1.0.0", 2, "shared/app");
        await PutOffAsync(other, TimeSpan.FromHours(1));
        await QueueTagAsync(7, "v1.0.0", 1, "shared/app");
        var late = (await History.Runs.ClaimAsync("late", engine: null, TimeSpan.FromSeconds(-1), Token)).ShouldNotBeNull();
        await PutOffAsync(other, TimeSpan.FromHours(-1));
        (await ClaimRunAsync()).Release.Id.ShouldBe(other);

        (await History.Runs.RenewAsync(late, History.Lease, Token)).ShouldBe(LeaseState.Lost);

        (await History.Runs.ClaimAsync("third", engine: null, History.Lease, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Renewed_Lease_Keeps_Its_Repository_Too()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await QueueTagAsync(7, "v1.1.0", 2);
        (await History.Runs.RenewAsync(run, TimeSpan.FromHours(1), Token)).ShouldBe(LeaseState.Held);
        var locks = await History.RowsAsync<ResourceLock>();

        locks.ShouldHaveSingleItem().Until.ShouldBeGreaterThan(History.Time.GetUtcNow() + TimeSpan.FromMinutes(50));
        (await History.Runs.ClaimAsync("other", engine: null, History.Lease, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task One_Project_Is_Served_In_The_Order_Of_Arrival()
    {
        List<Guid> arrived = [];
        for (var number = 0; number < 8; number++)
        {
            arrived.Add(await QueueTagAsync(7, $"v1.0.{number}", number));
        }

        List<Guid> served = [];
        while (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token) is { } run)
        {
            served.Add(run.Release.Id);
            await FailAsync(run);
        }

        served.ShouldBe(arrived);
    }

    [Fact]
    public async Task A_Release_Does_Not_Pass_An_Older_One_That_Waits_For_Another_Of_Its_Repositories()
    {
        await QueueInAsync(7, "v1.0.0", 1, "x");
        var running = await ClaimRunAsync();
        var both = await QueueInAsync(7, "v1.1.0", 2, "x", "y");
        var behind = await QueueInAsync(8, "v1.0.0", 3, "y", "z");
        var last = await QueueInAsync(9, "v1.0.0", 4, "z");
        var free = await QueueInAsync(7, "v1.3.0", 5, "elsewhere");

        (await ClaimRunAsync()).Release.Id.ShouldBe(free);
        (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token)).ShouldBeNull("the others stand in line");
        foreach (var next in new[] { both, behind, last })
        {
            await FailAsync(running);
            running = await ClaimRunAsync();
            running.Release.Id.ShouldBe(next);
        }
    }

    [Fact]
    public async Task A_Long_Line_Behind_An_Older_Release_Hides_Nobody()
    {
        await QueueInAsync(7, "v1.0.0", 1, "x");
        await ClaimRunAsync();
        History.Tick();
        await QueueInAsync(8, "v1.0.0", 2, "other");
        await ClaimRunAsync();
        await QueueInAsync(7, "v1.1.0", 3, "x", "y");
        for (var number = 0; number < 60; number++)
        {
            await QueueInAsync(7, $"v1.2.{number}", 10 + number, "y");
        }

        var hidden = await QueueInAsync(8, "v1.1.0", 100, "another");

        (await ClaimRunAsync()).Release.Id.ShouldBe(hidden);
    }

    [Fact]
    public async Task The_First_Of_A_Line_Is_Found_However_Many_Of_Another_Project_Stand_Behind_It()
    {
        await QueueInAsync(7, "v1.0.0", 1, "x");
        var served = await ClaimRunAsync();
        var first = await QueueInAsync(7, "v1.1.0", 2, "x");
        for (var number = 0; number < 60; number++)
        {
            await QueueInAsync(8, $"v1.0.{number}", 10 + number, "x");
        }

        History.Tick();
        await FailAsync(served);

        (await ClaimRunAsync()).Release.Id.ShouldBe(first);
    }

    [Fact]
    public async Task However_Many_Projects_Wait_For_Their_Own_Running_Release_The_One_Behind_Them_Is_Served()
    {
        const int Busy = 24;
        for (var project = 0; project < Busy; project++)
        {
            await QueueInAsync(project + 1, "v1.0.0", (10 * project) + 1, $"app-{project}");
            (await History.Runs.ClaimAsync("worker", engine: null, TimeSpan.FromHours(1), Token)).ShouldNotBeNull();
            await QueueInAsync(project + 1, "v1.1.0", (10 * project) + 2, $"app-{project}");
        }

        History.Tick();
        await QueueInAsync(Busy + 1, "v1.0.0", 10 * Busy, "served-last");
        await FailAsync(await ClaimRunAsync());
        var behind = await QueueInAsync(Busy + 1, "v1.1.0", (10 * Busy) + 1, "served-last");

        (await ClaimRunAsync()).Release.Id.ShouldBe(behind);
        (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Release_That_Was_Put_Off_Lets_Others_Of_Its_Repository_Pass_Until_Its_Time_Has_Come()
    {
        var first = await QueueInAsync(7, "v1.0.0", 1, "x");
        var second = await QueueInAsync(7, "v1.1.0", 2, "x");
        var third = await QueueInAsync(7, "v1.2.0", 3, "x");
        await PutOffAsync(first, TimeSpan.FromHours(1));

        var passed = await ClaimRunAsync();
        passed.Release.Id.ShouldBe(second);
        await PutOffAsync(first, TimeSpan.FromHours(-1));
        await FailAsync(passed);

        var due = await ClaimRunAsync();
        due.Release.Id.ShouldBe(first);
        await FailAsync(due);
        (await ClaimRunAsync()).Release.Id.ShouldBe(third);
    }

    [Fact]
    public async Task A_Release_Waits_For_One_That_Came_Before_It_And_Is_Still_Asked_About_And_Not_For_Long()
    {
        var older = await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        var slow = await ClaimVerificationAsync();
        var younger = await QueueTagAsync(7, "v1.1.0", 2);
        var other = await QueueTagAsync(8, "v1.0.0", 3);

        (await ClaimRunAsync()).Release.Id.ShouldBe(other);
        (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token)).ShouldBeNull();
        await History.Verification.QueueAsync(slow, Verified(slow), Token);
        var first = await ClaimRunAsync();
        first.Release.Id.ShouldBe(older);
        await FailAsync(first);
        var second = await ClaimRunAsync();
        second.Release.Id.ShouldBe(younger);
        await FailAsync(second);

        // GitLab does not know the older one's tag, or is away just when it is asked.
        await AcceptAsync(7, GitRef.Tag("v1.2.0"), Object(4));
        await History.Verification.PostponeAsync(await ClaimVerificationAsync(), new Reason(ReasonCode.RefGone, "unknown"), TimeSpan.FromMinutes(2), Token);
        var next = await QueueTagAsync(7, "v1.3.0", 5);
        (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token)).ShouldBeNull();
        await ChangeAsync<Release>(row => row.Id == next, row => row.QueuedAt -= RunQueue.OrderKept);
        History.Tick();
        (await ClaimRunAsync()).Release.Id.ShouldBe(next);
    }

    [Fact]
    public async Task Of_Projects_Whose_Turns_Are_Close_The_One_Whose_Layers_The_Engine_Has_Goes_First()
    {
        await ShowBusyAsync("there");
        var elsewhere = await QueueAsync(7, startedAgo: 90, "there");
        var here = await QueueAsync(8, startedAgo: 40, "here");

        await ShouldBeTakenAsync("here", [here, elsewhere]);
    }

    [Fact]
    public async Task A_Project_Is_Passed_By_None_That_Was_Served_A_Minute_Later_However_Many_Layers_That_Has()
    {
        await ShowBusyAsync("there");
        var elsewhere = await QueueAsync(7, startedAgo: 61, "there");
        var here = await QueueAsync(8, startedAgo: 30, "here");
        var hereAgain = await QueueTagAsync(8, "v2.0.0", 99, "acme/app-8-more");
        var never = await QueueTagAsync(9, "v1.0.0", 9);

        // Project 8 passes once, and has then been served a minute after 7.
        await ShouldBeTakenAsync("here", [never, here, elsewhere, hereAgain]);
    }

    [Fact]
    public async Task No_Turn_Is_Put_Off_For_Layers_That_No_Worker_Can_Use()
    {
        await ShowBusyAsync("paused");
        (await History.Workers.PauseAsync("paused", isPaused: true, Token)).ShouldBeTrue();
        var gone = await QueueAsync(7, startedAgo: 50, "gone");
        var paused = await QueueAsync(8, startedAgo: 45, "paused");
        var here = await QueueAsync(9, startedAgo: 40, "here");

        await ShouldBeTakenAsync("here", [gone, paused, here]);
    }

    [Fact]
    public async Task A_Burst_Of_One_Project_Keeps_Another_Waiting_One_Turn_At_Most()
    {
        for (var number = 0; number < 70; number++)
        {
            await QueueTagAsync(7, $"v1.0.{number}", number);
        }

        var burst = await ClaimRunAsync();
        await QueueTagAsync(8, "v1.0.0", 500);
        (await ClaimRunAsync()).Release.ProjectId.ShouldBe(8);
        await FailAsync(burst);
        (await ClaimRunAsync()).Release.ProjectId.ShouldBe(7);

        // The burst's project was served before this one and comes first, but its repository is busy: that must hide nobody.
        var third = await QueueTagAsync(8, "v1.0.1", 501, "acme/other");
        (await ClaimRunAsync()).Release.Id.ShouldBe(third);
    }

    [Fact]
    public async Task Many_Claimers_Run_Every_Release_Once_And_No_Repository_Twice_At_A_Time()
    {
        const int Releases = 300;
        const int Repositories = 12;
        await SeedQueuedAsync(Releases, Repositories);
        await using var neighbour = History.Neighbour();
        ConcurrentDictionary<string, Guid> busy = new(StringComparer.Ordinal);
        ConcurrentBag<Guid> ran = [];
        ConcurrentBag<string> overlaps = [];

        await Task.WhenAll(Enumerable.Range(0, 16).Select(number => WorkAsync(number % 2 == 0 || History.Database.IsSqlite ? History : neighbour, $"worker-{number}")));

        overlaps.ShouldBeEmpty();
        ran.Count.ShouldBe(Releases);
        ran.ShouldBeUnique();
        (await History.RowsAsync<ResourceLock>()).ShouldBeEmpty();
        (await History.RowsAsync<Release>()).ShouldAllBe(row => row.Status == ReleaseStatus.Failed);

        async Task WorkAsync(HistoryHost host, string name)
        {
            while (ran.Count < Releases)
            {
                if (await host.Runs.ClaimAsync(name, engine: null, TimeSpan.FromMinutes(5), Token) is not { } run)
                {
                    await Task.Yield();
                    continue;
                }

                var repositories = run.Release.Images.Select(image => image.Repository).Distinct().ToList();
                repositories.Where(repository => !busy.TryAdd(repository, run.Release.Id)).ToList().ForEach(overlaps.Add);
                await host.Ledger.StartStageAsync(run, StageName.Source, ReleaseStatus.Building, Token);
                repositories.ForEach(repository => busy.TryRemove(new KeyValuePair<string, Guid>(repository, run.Release.Id)));
                ran.Add(run.Release.Id);
                await host.Ledger.FinishAsync(run, ReleaseStatus.Failed, new Reason(ReasonCode.BuildFailed, "x"), [], Token);
            }
        }
    }

    /// <summary>A worker whose slots are all taken: nothing is left to it because it is idle.</summary>
    private Task ShowBusyAsync(string engine) => History.Workers.ShowAsync(new WorkerState(engine, engine, History.Time.GetUtcNow(), 2, 2), Token);

    private async Task<Guid> QueueAsync(long project, int startedAgo, string engine)
    {
        var id = await QueueTagAsync(project, "v1.0.0", (int)project);
        var now = History.Time.GetUtcNow();
        await ChangeAsync<Project>(row => row.Id == project, row => (row.LastStartedAt, row.LastEngine) = (now - TimeSpan.FromSeconds(startedAgo), engine));
        return id;
    }

    /// <summary>A tag that is published to several repositories.</summary>
    protected async Task<Guid> QueueInAsync(long project, string tag, int target, params string[] repositories)
    {
        var id = await AcceptAsync(project, GitRef.Tag(tag), Object(target));
        var job = await ClaimVerificationAsync();
        var rule = new ProjectRule
        {
            Path = new ProjectPathPattern("**"),
            Images = [.. repositories.Select(repository => new ImageRule("main", Host, Template.Parse(repository), [Template.Parse("{tag}")]))],
        };
        var plan = ReleasePlanner.Plan(rule, job.ProjectPath, job.Ref, job.Target, DateTimeOffset.UnixEpoch).ShouldBeOfType<PlanResult.Planned>().Plan;
        (await History.Verification.QueueAsync(job, Verified(job) with { Plan = plan }, Token)).ShouldBeNull();
        return id;
    }

    private Task PutOffAsync(Guid id, TimeSpan time)
    {
        var until = History.Time.GetUtcNow() + time;
        return ChangeAsync<Release>(row => row.Id == id, row => row.NotBefore = until);
    }

    private async Task ShouldBeTakenAsync(string engine, IReadOnlyList<Guid> order)
    {
        List<Guid> taken = [];
        while (await History.Runs.ClaimAsync("worker", engine, History.Lease, Token) is { } run)
        {
            taken.Add(run.Release.Id);
            History.Tick();
        }

        taken.ShouldBe(order);
    }

    private Task ChangeAsync<T>(Expression<Func<T, bool>> which, Action<T> change)
        where T : class => History.Database.WriteAsync(
        async (context, token) =>
        {
            change(await context.Set<T>().AsTracking().SingleAsync(which, token));
            return await context.SaveChangesAsync(token);
        },
        Token);

    /// <summary>Rows as verification leaves them; each release in two repositories, so that the locks cross.</summary>
    private Task SeedQueuedAsync(int releases, int repositories) => History.Database.WriteAsync(
        async (context, token) =>
        {
            var now = History.Time.GetUtcNow();
            for (var number = 0; number < releases; number++)
            {
                var project = number % 5 + 1;
                var row = Samples.Queued(number, project, now);
                context.Releases.Add(row);
                context.ReleaseImages.AddRange(Samples.Image(row.Id, 0, $"r{number % repositories}"), Samples.Image(row.Id, 1, $"r{number * 7 % repositories}x"));
            }

            context.Projects.AddRange(Enumerable.Range(1, 5).Select(project => new Project { Id = project, Path = $"acme/app-{project}", FirstSeenAt = now }));
            return await context.SaveChangesAsync(token);
        },
        Token);
}

public sealed class ClaimOnSqlite() : ClaimTests(new SqliteDatabases());

public sealed class ClaimOnPostgres(PostgresServer server) : ClaimTests(new PostgresDatabases(server))
{
    [Fact]
    public async Task A_Release_Does_Not_Pass_An_Older_One_That_Another_Claims_At_The_Same_Moment()
    {
        var older = await QueueInAsync(7, "v1.0.0", 1, "x", "y");
        await QueueInAsync(7, "v1.1.0", 2, "y");
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var neighbour = History.Neighbour();
        // As a claimer that has locked the row, and none of its repositories yet.
        var claiming = neighbour.Database.WriteAsync(
            async (context, token) =>
            {
                await context.Releases.Where(row => row.Id == older).ExecuteUpdateAsync(row => row.SetProperty(r => r.Owner, "neighbour"), token);
                held.SetResult();
                await release.Task;
                return true;
            },
            Token);
        await (await Task.WhenAny(held.Task, claiming));

        (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token)).ShouldBeNull();
        release.SetResult();
        await claiming;
        (await ClaimRunAsync()).Release.Id.ShouldBe(older);
    }
}
