using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>Who tells the workers of a queued release, and when.</summary>
public abstract class DispatchTests(IDatabases databases) : HistoryTest(databases)
{
    [Fact]
    public async Task A_Queued_Release_Is_Told_Of_By_Who_Queued_It_And_By_Another_Once_That_One_Is_Gone()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        (await History.Dispatch.ClaimAsync(10, Token)).ShouldBeEmpty();

        await EndLeaseAsync(id);
        (await History.Dispatch.ClaimAsync(10, Token)).ShouldBe([id]);
        (await History.Dispatch.ClaimAsync(10, Token)).ShouldBeEmpty();

        await History.Dispatch.MarkAsync([id], Token);
        await EndLeaseAsync(id);
        (await History.Dispatch.ClaimAsync(10, Token)).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_A_Worker_Has_Claimed_Needs_No_Mark()
    {
        var run = await RunAsync();

        await History.Dispatch.MarkAsync([run.Release.Id], Token);

        (await History.RowsAsync<Release>()).ShouldHaveSingleItem().DispatchedAt.ShouldBeNull();
    }

    [Fact]
    public async Task What_Is_Queued_Is_Told_Of_At_Once_And_Written_Down_When_Workers_Have_Had_Their_Time()
    {
        var clock = new FakeTimeProvider();
        var signal = new HeardSignal();
        using var queued = new QueuedReleases(clock);
        using var service = new DispatchService(History.Dispatch, queued, signal, clock, NullLogger<DispatchService>.Instance);
        await service.StartAsync(Token);
        var id = await QueueTagAsync(7, "v1.0.0", 1);

        queued.Add(id);

        (await signal.Heard.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token)).ShouldBe(id);
        (await History.RowsAsync<Release>()).ShouldHaveSingleItem().DispatchedAt.ShouldBeNull();
        await History.UntilAsync(async () =>
        {
            clock.Advance(TimeSpan.FromSeconds(2));
            return (await History.RowsAsync<Release>()).Find(release => release.DispatchedAt is not null);
        });
        await service.StopAsync(Token);
    }

    private Task EndLeaseAsync(Guid id)
    {
        var past = History.Time.GetUtcNow().AddDays(-1);
        return History.Database.WriteAsync(
            (context, token) => context.Releases.Where(row => row.Id == id)
                .ExecuteUpdateAsync(row => row.SetProperty(release => release.DispatchLeaseUntil, past), token),
            Token);
    }

    private sealed class HeardSignal : IWorkSignal
    {
        public TaskCompletionSource<Guid> Heard { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task SendAsync(Guid releaseId, CancellationToken cancellationToken)
        {
            Heard.TrySetResult(releaseId);
            return Task.CompletedTask;
        }
    }
}

public sealed class DispatchOnSqlite() : DispatchTests(new SqliteDatabases());

public sealed class DispatchOnPostgres(PostgresServer server) : DispatchTests(new PostgresDatabases(server));
