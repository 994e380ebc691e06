using System.Globalization;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Parts;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>The log of a run, from the builder's lines to what is read back from the store.</summary>
public abstract class RunLogTests(IDatabases databases) : HistoryTest(databases)
{
    private const int Lines = 100_000;

    [Fact]
    public async Task Build_That_Prints_While_The_History_Takes_Nothing_Is_Not_Slowed_And_Loses_No_Line()
    {
        var run = await RunAsync();
        await using (var log = Log(run))
        {
            await using (await HoldAsync(run))
            {
                Print(log);
                (await LinesAsync(run.Release.Id)).ShouldBeEmpty("the build has ended before a line was stored");
            }

            await log.EndAsync(Token);
        }

        var lines = await LinesAsync(run.Release.Id);
        lines.Select(line => line.Split(' ')[1]).ShouldBe(Enumerable.Range(0, Lines).Select(number => $"{number}"));
    }

    [Fact]
    public async Task Lines_That_The_History_Refused_For_A_While_Are_Stored_Once_And_In_Order()
    {
        var run = await RunAsync();
        await using (var log = Log(run))
        {
            await ChangeAsync("ALTER TABLE log_chunks RENAME TO log_chunks_away");
            log.WriteLine("first");
            await log.FlushAsync(Token);
            log.WriteLine("second");
            await ChangeAsync("ALTER TABLE log_chunks_away RENAME TO log_chunks");
            await log.EndAsync(Token);
        }

        (await LinesAsync(run.Release.Id)).ShouldBe(["first", "second"]);
    }

    [Fact]
    public async Task Run_That_Has_To_End_Gives_Up_What_The_History_Does_Not_Take_And_Says_How_Many_Lines_It_Lacks()
    {
        var run = await RunAsync();
        await using (var log = Log(run))
        {
            await using (await HoldAsync(run))
            {
                Print(log);
                await log.FlushOrDropAsync(TimeSpan.FromMilliseconds(100));
                log.WriteLine("the worker stops");
            }

            await log.EndAsync(Token);
        }

        var lines = await LinesAsync(run.Release.Id);
        lines[^1].ShouldBe("the worker stops");
        lines[^2].ShouldEndWith("lines came faster than they could be stored and are missing here]");
        var missing = int.Parse(lines[^2][1..lines[^2].IndexOf(' ', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
        missing.ShouldBeGreaterThan(Lines / 2);
        (lines.Count - 2 + missing).ShouldBe(Lines);
    }

    [Fact]
    public async Task Log_Ends_Where_As_Much_As_Is_Kept_Has_Come()
    {
        const int LineBytes = 16_000;
        var run = await RunAsync();
        await using (var log = Log(run))
        {
            for (var number = 0; number * LineBytes < 40 << 20; number++)
            {
                log.WriteLine($"{number} ".PadRight(LineBytes, '.'));
            }

            await log.EndAsync(Token);
        }

        var lines = await LinesAsync(run.Release.Id);
        lines[^1].ShouldBe("[the log ends here: 32 MB are kept]");
        lines.Count.ShouldBe((32 << 20) / (LineBytes + 1) + 2);
        lines.SkipLast(1).Select(line => line.Split(' ')[0]).ShouldBe(Enumerable.Range(0, lines.Count - 1).Select(number => $"{number}"));
    }

    [Fact]
    public async Task Build_Goes_On_Where_The_Log_Can_No_Longer_Be_Written()
    {
        var run = await RunAsync();
        await History.Runs.HandBackAsync(run, Token);
        await ClaimRunAsync();
        await using var log = Log(run);
        Print(log);

        await log.EndAsync(Token);

        (await LinesAsync(run.Release.Id)).ShouldBeEmpty();
    }

    private static void Print(IBuildLog log)
    {
        for (var number = 0; number < Lines; number++)
        {
            log.WriteLine($"#7 {number} a line of some length, as a compiler or a package manager prints by the thousand");
        }
    }

    /// <summary>Has the history take no line of the run's log until it is disposed of.</summary>
    private async Task<IAsyncDisposable> HoldAsync(ClaimedRun run)
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var holding = History.Database.WriteAsync(
            async (context, token) =>
            {
                await context.Releases.Where(row => row.Id == run.Release.Id).ExecuteUpdateAsync(row => row.SetProperty(r => r.Owner, r => r.Owner), token);
                held.SetResult();
                await release.Task;
                return true;
            },
            Token);
        await (await Task.WhenAny(held.Task, holding));
        return new Holding(release, holding);
    }

    private Task ChangeAsync(string sql) =>
        History.Database.WriteAsync((context, token) => context.Database.ExecuteSqlRawAsync(sql, token), Token);

    private RunLog Log(ClaimedRun run) =>
        new(History.Logs, run.Release.Id, run.Fence, new SecretMask([]), TimeProvider.System, NullLogger.Instance);

    private async Task<List<string>> LinesAsync(Guid release)
    {
        var text = new StringBuilder();
        for (long after = 0; await History.Logs.ReadAsync(release, after, 100, Token) is [.., var last] pieces; after = last.Sequence)
        {
            text.AppendJoin("", pieces.Select(piece => Encoding.UTF8.GetString(piece.Text.Span)));
        }

        return [.. text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    private sealed class Holding(TaskCompletionSource release, Task holding) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            release.TrySetResult();
            await holding;
        }
    }
}

public sealed class RunLogOnSqlite() : RunLogTests(new SqliteDatabases());

public sealed class RunLogOnPostgres(PostgresServer server) : RunLogTests(new PostgresDatabases(server));
