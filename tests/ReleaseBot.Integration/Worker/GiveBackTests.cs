using System.Data.Common;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using ReleaseBot.Core;
using ReleaseBot.Integration.History;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>A worker whose database fails for longer than it waits: the release goes on elsewhere, maybe at once.</summary>
public sealed class GiveBackTests : WorkerTest
{
    private const int ReadOnly = 8;

    private readonly Refusals _refusals;

    public GiveBackTests()
        : this(new Refusals())
    {
    }

    private GiveBackTests(Refusals refusals)
        : base(new RefusingDatabases(refusals)) => _refusals = refusals;

    [Fact]
    public async Task What_Was_Printed_While_The_History_Took_Nothing_Is_Stored_Before_Another_Worker_May_Have_The_Release()
    {
        var rule = new ProjectRule { Path = new ProjectPathPattern("**"), Images = [ImagesOf("main", "127.0.0.1:1", "{tag}")] };
        var clients = ClientsOf(("main", "127.0.0.1:1"));
        await using var worker = new TestWorker(History, clients, rule, new GitLabSettings { Url = new Uri("http://127.0.0.1:1/"), Token = new Secret("nobodys") });
        await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        await QueueAsync(rule);
        var run = await ClaimRunAsync() with { TakenOverFrom = "worker-9" };
        _refusals.Begin();

        await worker.RunAsync(run, Token);

        _refusals.WasHandedBack.ShouldBeTrue();
        var text = string.Concat((await History.Logs.ReadAsync(run.Release.Id, 0, 100, Token)).Select(piece => Encoding.UTF8.GetString(piece.Text.Span)));
        text.ShouldContain("taken over from worker-9", customMessage: text);
        text.ShouldContain("this attempt ends: the database can't be written.", customMessage: text);
    }

    private sealed class RefusingDatabases(Refusals refusals) : IDatabases
    {
        public Task<HistoryHost> CreateAsync(IInterceptor? interceptor, CancellationToken cancellationToken) => new SqliteDatabases().CreateAsync(refusals, cancellationToken);
    }

    /// <summary>
    /// Refuses what a stage begins with, and every piece of a log until then and twice more; and lets another worker claim what is handed back in the same moment.
    /// </summary>
    private sealed class Refusals : DbCommandInterceptor
    {
        private bool _refusesStages;
        private int _refusedPieces;

        public bool WasHandedBack { get; private set; }

        public void Begin() => (_refusesStages, _refusedPieces) = (true, int.MaxValue);

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            Refuse(command);
            return ValueTask.FromResult(result);
        }

        public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            Refuse(command);
            return ValueTask.FromResult(result);
        }

        public override async ValueTask<int> NonQueryExecutedAsync(DbCommand command, CommandExecutedEventData eventData, int result, CancellationToken cancellationToken = default)
        {
            if (command.CommandText.Contains("\"owner\" = NULL", StringComparison.Ordinal))
            {
                WasHandedBack = true;
                await using var claim = command.Connection!.CreateCommand();
                claim.Transaction = command.Transaction;
                claim.CommandText = "UPDATE releases SET fence = fence + 1";
                await claim.ExecuteNonQueryAsync(cancellationToken);
            }

            return result;
        }

        private void Refuse(DbCommand command)
        {
            if (_refusesStages && command.CommandText.Contains("release_stages", StringComparison.Ordinal))
            {
                (_refusesStages, _refusedPieces) = (false, 2);
                throw new SqliteException("attempt to write a readonly database", ReadOnly);
            }

            if (command.CommandText.Contains("INSERT INTO \"log_chunks\"", StringComparison.Ordinal) && _refusedPieces-- > 0)
            {
                throw new SqliteException("attempt to write a readonly database", ReadOnly);
            }
        }
    }
}
