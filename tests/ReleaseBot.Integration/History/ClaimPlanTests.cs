using System.Text.RegularExpressions;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>The database's own plans for what a claim that takes a release, and a look at the queue, ask of the releases: none reads a whole table.</summary>
public abstract partial class ClaimPlanTests(IDatabases databases)
{
    /// <summary>From so many on that are due.</summary>
    private const int LongLine = 1000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_Claim_That_Takes_A_Release_Reads_What_Is_Active_By_Its_Index()
    {
        var plans = new PlanRecorder();
        await using var history = await databases.CreateAsync(plans, Token);
        await SeedAsync(history);
        history.Tick();
        plans.Begin("releases", "release_images");

        (await history.Runs.ClaimAsync("worker", engine: null, history.Lease, Token)).ShouldNotBeNull();

        // Of what is older in the same repository, and of the oldest that is not over.
        var older = plans.Taken.Where(plan => plan.Contains(" k ", StringComparison.Ordinal)).ShouldHaveSingleItem();
        older.ShouldContain("ix_release_images_host_repository_release_id");
        older.ShouldMatch("ix_releases_(active_id|runnable|status_)");
        plans.Taken.SelectMany(PlanRecorder.WholeTables).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_Claim_From_A_Long_Line_Goes_From_Project_To_Project_By_Their_Index(bool isAmongOthers)
    {
        var turn = await TurnAsync(LongLine, isAmongOthers);

        // The first project, the next ones, the first release of one that never ran, and the first that may run.
        Regex.Count(turn, "ix_releases_runnable_project_id_id").ShouldBeGreaterThanOrEqualTo(3, turn);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_Claim_From_A_Short_Line_Gathers_What_Is_Due(bool isAmongOthers)
    {
        var turn = await TurnAsync(1, isAmongOthers);

        turn.ShouldMatch("ix_releases_(runnable|active_id|status_)", turn);
    }

    [Fact]
    public async Task A_Claim_That_Finds_Nothing_Due_Asks_For_Nothing_Else()
    {
        var plans = new PlanRecorder();
        await using var history = await databases.CreateAsync(plans, Token);
        await SeedAsync(history, count: LongLine, wait: TimeSpan.FromHours(1));
        history.Tick();
        plans.Begin();

        (await history.Runs.ClaimAsync("worker", "engine", history.Lease, Token)).ShouldBeNull();

        plans.Taken.ShouldNotContain(plan => plan.Contains("resource_locks", StringComparison.Ordinal));
        plans.Taken.Count(plan => plan.Contains("releases", StringComparison.Ordinal)).ShouldBe(1);
    }

    /// <returns>The plan of whose turn it is.</returns>
    private async Task<string> TurnAsync(int waiting, bool isAmongOthers)
    {
        var plans = new PlanRecorder();
        await using var history = await databases.CreateAsync(plans, Token);
        await SeedAsync(history, count: waiting);
        if (isAmongOthers)
        {
            await history.Workers.ShowAsync(new WorkerState("other", "elsewhere", history.Time.GetUtcNow(), 2, 0), Token);
        }

        history.Tick();
        plans.Begin();

        (await history.Runs.ClaimAsync("worker", "engine", history.Lease, Token)).ShouldNotBeNull();

        // The workers are read whole, as SQLite's w too.
        plans.Taken.SelectMany(PlanRecorder.WholeTables).ShouldAllBe(line => line == "SCAN w" || line.Contains("worker_heartbeats", StringComparison.Ordinal));
        return plans.Taken.Where(plan => plan.Contains("resource_locks", StringComparison.Ordinal)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_Claim_That_Asks_GitLab_Goes_From_Project_To_Project_By_Their_Index()
    {
        var plans = new PlanRecorder();
        await using var history = await databases.CreateAsync(plans, Token);
        await SeedAsync(history, ReleaseStatus.Verifying);
        plans.Begin();

        (await history.Verification.ClaimAsync("web", history.Lease, Token)).ShouldNotBeNull();

        // Of whose turn it is, and of the first of them.
        var turn = plans.Taken.Where(plan => plan.Contains("waiting", StringComparison.OrdinalIgnoreCase)).ShouldHaveSingleItem();
        Regex.Count(turn, "ix_releases_status_project_id_id").ShouldBeGreaterThanOrEqualTo(2, turn);
        plans.Taken.Count(plan => plan.Contains("ix_releases_status_project_id_id", StringComparison.Ordinal)).ShouldBe(2);
        plans.Taken.SelectMany(PlanRecorder.WholeTables).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Look_At_The_Queue_Reads_What_Is_Active_By_Its_Index()
    {
        var plans = new PlanRecorder();
        await using var history = await databases.CreateAsync(plans, Token);
        await SeedAsync(history);
        plans.Begin("releases", "release_images");

        (await history.Queue.ReadAsync(10, Token)).FirstsInLine.ShouldHaveSingleItem();

        // Of what is shown, and of who is the first of a line.
        plans.Taken.Count(plan => Regex.IsMatch(plan, "ix_releases_(active_id|runnable|status_)", RegexOptions.None, TimeSpan.FromSeconds(1))).ShouldBe(2);
        plans.Taken.SelectMany(PlanRecorder.WholeTables).Where(line => !Gathered().IsMatch(line)).ShouldBeEmpty();
    }

    /// <summary>What a statement has gathered itself is scanned on SQLite as a table is.</summary>
    [GeneratedRegex(@"^SCAN ([ot]|\(subquery-\d+\))$")]
    private static partial Regex Gathered();

    private static Task SeedAsync(HistoryHost history, ReleaseStatus status = ReleaseStatus.Queued, int count = 1, TimeSpan wait = default) => history.Database.WriteAsync(
        async (context, token) =>
        {
            for (var number = 1; number <= count; number++)
            {
                var row = Samples.Queued(number, 7, history.Time.GetUtcNow());
                row.Status = status;
                row.NotBefore += wait;
                context.Releases.Add(row);
                context.ReleaseImages.Add(Samples.Image(row.Id, 0, "app"));
            }

            return await context.SaveChangesAsync(token);
        },
        Token);
}

public sealed class ClaimPlansOnSqlite() : ClaimPlanTests(SqliteDatabases.InMemory);

public sealed class ClaimPlansOnPostgres(PostgresServer server) : ClaimPlanTests(new PostgresDatabases(server));
