using System.Text;
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
    [Fact]
    public async Task Build_That_Prints_Faster_Than_Its_Log_Is_Kept_Is_Slowed_And_Loses_No_Line()
    {
        const int Lines = 100_000;
        var run = await RunAsync();
        await using (var log = Log(run))
        {
            IBuildLog build = log;
            for (var number = 0; number < Lines; number++)
            {
                build.WriteLine($"#7 {number} a line of some length, as a compiler or a package manager prints by the thousand");
                // The engine sends many lines at a time.
                if (number % 500 == 499)
                {
                    await build.WaitForRoomAsync(Token);
                }
            }

            await log.FlushAsync(Token);
        }

        var lines = await LinesAsync(run.Release.Id);
        lines.Select(line => line.Split(' ')[1]).ShouldBe(Enumerable.Range(0, Lines).Select(number => $"{number}"));
    }

    [Fact]
    public async Task Log_That_Nobody_Waits_For_Says_How_Many_Lines_It_Lacks()
    {
        const int Lines = 60_000;
        var run = await RunAsync();
        await using (var log = Log(run))
        {
            for (var number = 0; number < Lines; number++)
            {
                log.WriteLine($"{number}");
            }
        }

        var lines = await LinesAsync(run.Release.Id);
        var missing = lines.Where(line => line.EndsWith("lines came faster than they could be stored and are missing here]", StringComparison.Ordinal))
            .Sum(line => int.Parse(line[1..line.IndexOf(' ', StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture));
        (lines.Count(line => line[0] != '[') + missing).ShouldBe(Lines);
    }

    [Fact]
    public async Task Build_Goes_On_Where_The_Log_Can_No_Longer_Be_Written()
    {
        var run = await RunAsync();
        await History.Runs.HandBackAsync(run, Token);
        await ClaimRunAsync();
        await using var log = Log(run);
        for (var number = 0; number < 40_000; number++)
        {
            log.WriteLine("a line of an attempt that another worker has taken over");
            if (number % 500 == 499)
            {
                await log.WaitForRoomAsync(Token);
            }
        }

        await log.FlushAsync(Token);
        (await LinesAsync(run.Release.Id)).ShouldBeEmpty();
    }

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
}

public sealed class RunLogOnSqlite() : RunLogTests(new SqliteDatabases());

public sealed class RunLogOnPostgres(PostgresServer server) : RunLogTests(new PostgresDatabases(server));
