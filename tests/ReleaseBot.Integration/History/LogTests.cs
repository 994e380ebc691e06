using System.Text;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

public abstract class LogTests(IDatabases databases) : HistoryTest(databases)
{
    [Fact]
    public async Task A_Log_Is_Read_As_It_Was_Written_And_Followed_From_Where_A_Reader_Was()
    {
        var run = await RunAsync();
        for (var number = 1; number <= 5; number++)
        {
            await AppendAsync(run, $"line {number} äöü\n");
        }

        (await TextAsync(run.Release.Id, 0)).ShouldBe("line 1 äöü\nline 2 äöü\nline 3 äöü\nline 4 äöü\nline 5 äöü\n");
        (await TextAsync(run.Release.Id, 3)).ShouldBe("line 4 äöü\nline 5 äöü\n");
        (await History.Logs.ReadAsync(run.Release.Id, 1, 2, Token)).Select(piece => piece.Sequence).ShouldBe([2, 3]);
        (await History.Logs.ReadAsync(run.Release.Id, 5, 100, Token)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Writers_At_The_Same_Time_Leave_No_Gap_And_Lose_Nothing()
    {
        var run = await RunAsync();

        await Task.WhenAll(Enumerable.Range(0, 50).Select(number => AppendAsync(run, $"line {number}\n")));

        var pieces = await History.Logs.ReadAsync(run.Release.Id, 0, 100, Token);
        pieces.Select(piece => piece.Sequence).ShouldBe(Enumerable.Range(1, 50).Select(number => (long)number));
        pieces.Select(piece => Encoding.UTF8.GetString(piece.Text.Span)).Order().ShouldBe(Enumerable.Range(0, 50).Select(number => $"line {number}\n").Order());
    }

    [Fact]
    public async Task A_New_Attempt_Goes_On_With_The_Same_Log()
    {
        var run = await RunAsync();
        await AppendAsync(run, "first\n");
        await History.Runs.HandBackAsync(run, Token);
        var next = await ClaimRunAsync();
        await AppendAsync(next, "second\n");

        (await TextAsync(run.Release.Id, 0)).ShouldBe("first\nsecond\n");
    }

    [Fact]
    public async Task Logs_And_Deliveries_Go_After_Their_Time_And_Releases_Stay()
    {
        var run = await RunAsync();
        await AppendAsync(run, "old\n");
        await History.Tags.RecordMoveAsync(run, run.Release.Images[0], null, DigestOf(run), TagVerdict.Created, "x", Token);
        await FailAsync(run);
        await History.Database.WriteAsync(
            async (context, token) =>
            {
                context.LogChunks.AddRange(Enumerable.Range(2, 1200).Select(number => new LogChunk
                {
                    ReleaseId = run.Release.Id,
                    Sequence = number,
                    Data = [],
                    WrittenAt = History.Time.GetUtcNow() - TimeSpan.FromDays(number < 1102 ? 91 : 89),
                }));
                return await context.SaveChangesAsync(token);
            },
            Token);
        await History.Intake.StoreAsync(Delivery("old", null) with { ReceivedAt = History.Time.GetUtcNow() - TimeSpan.FromDays(31) }, Token);
        await History.Intake.StoreAsync(Delivery("new", null) with { ReceivedAt = History.Time.GetUtcNow() - TimeSpan.FromDays(29) }, Token);

        (await History.Housekeeping.SweepAsync(Token)).ShouldBe(1101);

        (await History.RowsAsync<LogChunk>()).Count.ShouldBe(101);
        (await History.RowsAsync<Delivery>()).Select(delivery => delivery.Key).ShouldBe(["key-1", "new"], ignoreOrder: true);
        (await History.RowsAsync<Release>()).Count.ShouldBe(1);
        (await History.RowsAsync<TagMove>()).Count.ShouldBe(1);
        (await History.Housekeeping.SweepAsync(Token)).ShouldBe(0);
    }

    [Fact]
    public async Task Who_Followed_A_Log_That_Was_Removed_Since_Goes_On_With_The_Next_Attempt()
    {
        var run = await RunAsync();
        await AppendAsync(run, "one\n");
        await AppendAsync(run, "two\n");
        var seen = await History.Logs.LastAsync(run.Release.Id, Token);
        await FailAsync(run);
        await AgeAsync();
        (await History.Logs.IsSweptAsync(run.Release.Id, Token)).ShouldBeFalse();
        (await History.Housekeeping.SweepAsync(Token)).ShouldBe(2);
        (await History.Logs.IsSweptAsync(run.Release.Id, Token)).ShouldBeTrue();

        var next = await RetryAsync(run);
        (await History.Logs.IsSweptAsync(run.Release.Id, Token)).ShouldBeFalse();
        await AppendAsync(next, "three\n");
        await AppendAsync(next, "four\n");

        (await TextAsync(run.Release.Id, seen)).ShouldBe("three\nfour\n");
    }

    [Fact]
    public async Task The_Log_Of_A_Release_That_Has_Not_Ended_Stays_Whole()
    {
        var run = await RunAsync();
        await AppendAsync(run, "one\n");
        await AgeAsync();

        (await History.Housekeeping.SweepAsync(Token)).ShouldBe(0);

        (await TextAsync(run.Release.Id, 0)).ShouldBe("one\n");
    }

    [Fact]
    public async Task A_Release_That_Never_Ran_Has_No_Log_To_Lose()
    {
        var id = await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        await History.Verification.RejectAsync(
            await ClaimVerificationAsync(), ReleaseStatus.Rejected, new Reason(ReasonCode.RefNotProtected, "The tag is not protected."), [], Token);
        await AgeAsync();

        (await History.Logs.IsSweptAsync(id, Token)).ShouldBeFalse();
    }

    private async Task<ClaimedRun> RetryAsync(ClaimedRun run)
    {
        (await History.Operations.RetryAsync(run.Release.Id, Token)).ShouldBe(OperationOutcome.Done);
        var job = await ClaimVerificationAsync();
        (await History.Verification.QueueAsync(job, Verified(job), Token)).ShouldBeNull();
        return await ClaimRunAsync();
    }

    /// <summary>All that there is, as if it were of long ago.</summary>
    private Task AgeAsync() => History.Database.WriteAsync(
        async (context, token) =>
        {
            var then = History.Time.GetUtcNow() - TimeSpan.FromDays(91);
            await context.Releases.Where(release => release.FinishedAt != null).ExecuteUpdateAsync(row => row.SetProperty(release => release.FinishedAt, then), token);
            return await context.LogChunks.ExecuteUpdateAsync(row => row.SetProperty(chunk => chunk.WrittenAt, then), token);
        },
        Token);

    private Task AppendAsync(ClaimedRun run, string text) => History.Logs.AppendAsync(run.Release.Id, run.Fence, Encoding.UTF8.GetBytes(text), Token);

    private async Task<string> TextAsync(Guid release, long after) =>
        string.Concat((await History.Logs.ReadAsync(release, after, 100, Token)).Select(piece => Encoding.UTF8.GetString(piece.Text.Span)));
}

public sealed class LogOnSqlite() : LogTests(new SqliteDatabases());

public sealed class LogOnPostgres(PostgresServer server) : LogTests(new PostgresDatabases(server));
