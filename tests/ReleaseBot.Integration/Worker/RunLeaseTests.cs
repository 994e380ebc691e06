using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Parts;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>How a run learns that it has to end.</summary>
public abstract class RunLeaseTests(IDatabases databases) : HistoryTest(databases)
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_Run_Is_Told_Of_Its_Cancel_And_Need_Not_Look()
    {
        var claimed = await RunAsync();
        // Its clock stands still, so it never looks by itself.
        await using var lease = new RunLease(History.Runs, History.Signals, claimed, new FakeTimeProvider(), NullLogger.Instance);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lease.Token.Register(ended.SetResult);
        lease.Start();

        (await History.Operations.CancelAsync(claimed.Release.Id, "ops", Token)).ShouldBe(OperationOutcome.Done);

        await ended.Task.WaitAsync(Patience, TimeProvider.System, Token);
        lease.End.ShouldBe(RunEnd.Canceled);
    }
}

public sealed class RunLeaseOnSqlite() : RunLeaseTests(new SqliteDatabases());

public sealed class RunLeaseOnPostgres(PostgresServer server) : RunLeaseTests(new PostgresDatabases(server))
{
    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        var listens = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        History.Signals.Queued += () => listens.TrySetResult();
        await History.Signals.StartAsync(Token);
        await listens.Task.WaitAsync(Patience, TimeProvider.System, Token);
    }

    public override async ValueTask DisposeAsync()
    {
        await History.Signals.StopAsync(Token);
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
