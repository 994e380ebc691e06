using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

public abstract class ReconcileRoundTests(IDatabases databases) : HistoryTest(databases)
{
    [Fact]
    public async Task Rounds_Count_Up_And_The_Latest_Are_Shown_And_Kept()
    {
        for (var number = 1; number <= 103; number++)
        {
            (await History.Rounds.BeginAsync("web/1", TimeSpan.Zero, Token)).ShouldNotBeNull().Number.ShouldBe(number);
            (await History.Rounds.ShowAsync(number, "{\"part\":1}", Token)).ShouldBeTrue();
            (await History.Rounds.LatestAsync(Token)).Running.ShouldNotBeNull().Report.ShouldBe("{\"part\":1}");
            await History.Rounds.EndAsync(number, "{\"whole\":1}", isStopped: false, Token);
        }

        var (running, last) = await History.Rounds.LatestAsync(Token);
        running.ShouldBeNull();
        (last.ShouldNotBeNull().Number, last.Report).ShouldBe((103, "{\"whole\":1}"));
        (await History.RowsAsync<ReconcileRound>()).Select(round => round.Number).Order().ShouldBe(Enumerable.Range(4, 100).Select(number => (long)number));
    }

    [Fact]
    public async Task A_Hook_Is_Told_Once_When_It_Is_Disabled_And_Once_When_It_Is_Well()
    {
        var until = DateTimeOffset.UnixEpoch.AddYears(60);
        (await History.DisabledHooks.RecordAsync(false, 7, "acme/shop", [], Token)).Became.ShouldBeEmpty();

        var first = await History.DisabledHooks.RecordAsync(false, 7, "acme/shop", [new(1, "temporarily_disabled", until), new(2, "disabled", null)], Token);
        await History.DisabledHooks.RecordAttemptAsync(false, 7, 2, "refused", Token);
        await History.DisabledHooks.RecordAsync(true, 7, "acme", [new(1, "disabled", null)], Token);
        var second = await History.DisabledHooks.RecordAsync(false, 7, "acme/shop2", [new(2, "disabled", null)], Token);

        first.Became.ShouldBe([1, 2]);
        second.Became.ShouldBeEmpty();
        second.Recovered.ShouldBe([1]);
        (await History.DisabledHooks.AllAsync(10, Token)).Select(row => (row.IsGroup, row.OwnerPath, row.HookId, row.Status, row.Attempt))
            .ShouldBe([(true, "acme", 1, "disabled", null), (false, "acme/shop2", 2, "disabled", "refused")]);
    }
}

public sealed class ReconcileRoundOnSqlite() : ReconcileRoundTests(new SqliteDatabases());

public sealed class ReconcileRoundOnPostgres(PostgresServer server) : ReconcileRoundTests(new PostgresDatabases(server))
{
    [Fact]
    public async Task One_Of_Many_Processes_Goes_Through_A_Round()
    {
        await using var other = History.Neighbour();
        var pause = TimeSpan.FromMinutes(1);
        var begun = await Task.WhenAll(Enumerable.Range(0, 6).Select(process =>
            (process % 2 == 0 ? History : other).Rounds.BeginAsync($"web/{process}", pause, Token)));

        var round = begun.OfType<ReconcileRound>().ShouldHaveSingleItem();
        await History.Rounds.EndAsync(round.Number, "{}", isStopped: false, Token);
        (await other.Rounds.BeginAsync("web/9", pause, Token)).ShouldBeNull();
        (await other.Rounds.BeginAsync("web/9", TimeSpan.Zero, Token)).ShouldNotBeNull();
    }
}
