using System.Data.Common;
using System.Globalization;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Integration.Engine;
using ReleaseBot.Integration.History;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;
using Repository = ReleaseBot.Integration.Engine.Repository;

namespace ReleaseBot.Integration.Worker;

/// <summary>A real engine's builds that print more than a slow history takes, and more than the engine itself can tell.</summary>
[SupportedOSPlatform("linux")]
[Collection(EngineCollection.Name)]
public sealed class ChattyBuildTests(DockerEngineFixture fixture) : HistoryTest(new SlowDatabases())
{
    private const int SteadyLines = 150_000;
    private const int LinesAtOnce = 300_000;
    private const string Printed = " a line of some length, as a compiler prints, ";

    /// <summary>Half a megabyte a second: more than the history takes, and less than dockerd 20.10 can tell if it is listened to.</summary>
    private const string Steady =
        "RUN for part in $(seq 0 149); do seq $((part * 1000 + 1)) $(((part + 1) * 1000)) | sed 's/^/ a line of some length, as a compiler prints, /'; usleep 95000; done\n";

    private const string AtOnce = "RUN seq 1 300000 | sed 's/^/ a line of some length, as a compiler prints, /'\n";

    [Fact]
    public async Task A_Build_Ends_When_It_Is_Over_However_Slowly_Its_Log_Is_Stored_And_The_Log_Is_Whole()
    {
        var run = await RunAsync();
        await using var engine = Engines.To(fixture.Endpoint);
        var repository = new Repository(Repository.Busybox + Steady);
        await using (var log = new RunLog(History.Logs, run.Release.Id, run.Fence, new SecretMask([]), TimeProvider.System, NullLogger.Instance))
        {
            await engine.BuildAsync(repository.Request("chatty"), log, Token).WaitAsync(TimeSpan.FromMinutes(2), TimeProvider.System, Token);
            await log.EndAsync(Token);
        }

        var text = new StringBuilder();
        for (long after = 0; await History.Logs.ReadAsync(run.Release.Id, after, 100, Token) is [.., var last] pieces; after = last.Sequence)
        {
            text.AppendJoin("", pieces.Select(piece => Encoding.UTF8.GetString(piece.Text.Span)));
        }

        var stored = NumbersIn(text.ToString().Split('\n'));
        stored.SequenceEqual(Enumerable.Range(1, SteadyLines)).ShouldBeTrue($"{stored.Count} lines, and {stored.LastOrDefault()} is the last");
    }

    [Fact]
    public async Task A_Build_That_Prints_Faster_Than_Its_Engine_Can_Tell_Ends_All_The_Same_And_The_Log_Says_Where_The_Engine_Fell_Silent()
    {
        await using var engine = Engines.To(fixture.Endpoint);
        var log = new LineLog();

        await engine.BuildAsync(new Repository(Repository.Busybox + AtOnce).Request("flood"), log, Token).WaitAsync(TimeSpan.FromMinutes(2), TimeProvider.System, Token);

        (await engine.HasImageAsync("releasebot/flood:build", Token)).ShouldBeTrue();
        var told = NumbersIn(log.Lines);
        told.SequenceEqual(Enumerable.Range(1, told.Count)).ShouldBeTrue("the lines until then");
        log.Lines.Any(line => line.StartsWith("[the engine tells no more", StringComparison.Ordinal)).ShouldBe(told.Count < LinesAtOnce, $"{told.Count} lines");
    }

    private static List<int> NumbersIn(IEnumerable<string> lines) =>
        [.. lines.Where(line => line.Contains(Printed, StringComparison.Ordinal) && !line.Contains("RUN", StringComparison.Ordinal))
            .Select(line => int.Parse(line[(line.IndexOf(Printed, StringComparison.Ordinal) + Printed.Length)..], CultureInfo.InvariantCulture))];

    private sealed class SlowDatabases : IDatabases
    {
        public Task<HistoryHost> CreateAsync(IInterceptor? interceptor, CancellationToken cancellationToken) =>
            new SqliteDatabases().CreateAsync(new SlowLogs(), cancellationToken);
    }

    /// <summary>Takes four pieces of a log a second.</summary>
    private sealed class SlowLogs : DbCommandInterceptor
    {
        public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            await DelayAsync(command, cancellationToken);
            return result;
        }

        public override async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            await DelayAsync(command, cancellationToken);
            return result;
        }

        private static Task DelayAsync(DbCommand command, CancellationToken cancellationToken) =>
            command.CommandText.Contains("INSERT INTO \"log_chunks\"", StringComparison.Ordinal)
                ? Task.Delay(TimeSpan.FromMilliseconds(250), TimeProvider.System, cancellationToken)
                : Task.CompletedTask;
    }
}
