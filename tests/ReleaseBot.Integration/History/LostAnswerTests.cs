using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>What is claimed while the connection breaks: the database has committed the claim, and its answer never came.</summary>
public abstract class LostAnswerTests(IDatabases databases) : HistoryTest(databases)
{
    private readonly LosingAnswers _answers = new();

    [Fact]
    public async Task A_Release_Whose_Claim_Was_Not_Answered_Is_In_The_Claimers_Hand()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        await using var neighbour = History.Neighbour(_answers);

        var run = (await LosingAsync(() => neighbour.Runs.ClaimAsync("worker", engine: null, History.Lease, Token))).ShouldNotBeNull();

        (run.Release.Id, run.TakenOverFrom).ShouldBe((id, null));
        run.Release.Images.Select(image => image.Tag).ShouldBe(["v1.0.0", "latest"]);
        (await ReadAsync(id)).Fence.ShouldBe(run.Fence);
        (await History.Runs.RenewAsync(run, History.Lease, Token)).ShouldBe(LeaseState.Held);
    }

    [Fact]
    public async Task A_Release_Whose_Claim_For_A_Question_Was_Not_Answered_Is_Asked_About()
    {
        var id = await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        await using var neighbour = History.Neighbour(_answers);

        var job = (await LosingAsync(() => neighbour.Verification.ClaimAsync("web", History.Lease, Token))).ShouldNotBeNull();

        job.ReleaseId.ShouldBe(id);
        (await History.Verification.RenewAsync(job, History.Lease, Token)).ShouldBeTrue();
    }

    [Fact]
    public async Task Messages_Whose_Claim_Was_Not_Answered_Are_Told()
    {
        await FailAsync(await RunAsync());
        await using var neighbour = History.Neighbour(_answers);

        (await LosingAsync(() => neighbour.Outbox.ClaimAsync(10, History.Lease, [], Token))).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Messages_Whose_Renewal_Was_Not_Answered_Stay_The_Tellers()
    {
        await FailAsync(await RunAsync());
        await using var neighbour = History.Neighbour(_answers);
        var message = (await History.Outbox.ClaimAsync(10, History.Lease, [], Token)).ShouldHaveSingleItem();

        var until = await LosingAsync(() => neighbour.Outbox.RenewAsync([message.Id], message.HeldUntil, History.Lease, Token));

        (await History.RowsAsync<OutboxMessage>()).ShouldHaveSingleItem().LeaseUntil.ShouldBe(until);
    }

    [Fact]
    public async Task A_Wish_Whose_Claim_Was_Not_Answered_Is_In_The_Claimers_Hand()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        (await History.Wishes.RetractAsync(id, "ops", "broken", Token)).ShouldBeOfType<WishResult.Accepted>();
        await using var neighbour = History.Neighbour(_answers);

        var claimed = (await LosingAsync(() => neighbour.Changes.ClaimAsync(History.Lease, Token))).ShouldNotBeNull();

        await History.Changes.RenewAsync(claimed, History.Lease, Token);
        (await History.RowsAsync<TagChange>()).ShouldAllBe(change => change.Fence <= claimed.Fence);
    }

    /// <summary>Loses the answer to the next commit, and lets the time pass after which it is tried again.</summary>
    private async Task<T> LosingAsync<T>(Func<Task<T>> claim)
    {
        _answers.LoseNext();
        var claiming = claim();
        while (!claiming.IsCompleted)
        {
            History.Tick();
            await Task.WhenAny(claiming, Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token));
        }

        _answers.HasLost.ShouldBeTrue();
        return await claiming;
    }

    private sealed class LosingAnswers : DbTransactionInterceptor
    {
        private int _toLose;

        public bool HasLost { get; private set; }

        public void LoseNext() => _toLose = 1;

        public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            if (Interlocked.Exchange(ref _toLose, 0) == 0)
            {
                return Task.CompletedTask;
            }

            HasLost = true;
            throw new BrokenConnectionException();
        }
    }

    private sealed class BrokenConnectionException() : DbException("The connection broke.")
    {
        public override bool IsTransient => true;
    }
}

public sealed class LostAnswersOnSqlite() : LostAnswerTests(new SqliteDatabases());

public sealed class LostAnswersOnPostgres(PostgresServer server) : LostAnswerTests(new PostgresDatabases(server));
