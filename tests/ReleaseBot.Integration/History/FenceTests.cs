using System.Text;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>Every write of a run whose release another has taken over is refused, and changes nothing.</summary>
public abstract class FenceTests(IDatabases databases) : HistoryTest(databases)
{
    public static TheoryData<string> Writes { get; } = [.. All.Keys];

    private static Dictionary<string, Func<HistoryHost, ClaimedRun, Task>> All => new()
    {
        ["start stage"] = (history, run) => history.Ledger.StartStageAsync(run, StageName.Build, ReleaseStatus.Building, Token),
        ["next stage"] = (history, run) => history.Ledger.NextStageAsync(run, StageName.Build, StageName.Push, ReleaseStatus.Pushing, Token),
        ["built"] = (history, run) => history.Ledger.RecordBuiltAsync(run, "sha256:1", Token),
        ["image"] = (history, run) => history.Ledger.RecordImageAsync(run, 0, ImageStatus.Pushed, DigestOf(run), null, Token),
        ["park"] = (history, run) => history.Ledger.ParkAsync(run, Away, TimeSpan.FromMinutes(1), Token),
        ["put off"] = (history, run) => history.Ledger.PutOffAsync(run, Away, TimeSpan.FromMinutes(1), roomEngine: null, Token),
        ["end wait"] = (history, run) => history.Ledger.EndWaitAsync(run, Token),
        ["finish"] = (history, run) => history.Ledger.FinishAsync(run, ReleaseStatus.Published, null, TellAll, Token),
        ["reserve"] = (history, run) => history.Tags.ReserveAsync(run, OverwritePolicy.Allow, Token),
        ["lock tag"] = (history, run) => history.Tags.TryLockAsync(run, run.Release.Images[0].Image, history.Lease, Token),
        ["move"] = (history, run) => history.Tags.RecordMoveAsync(run, run.Release.Images[0], null, DigestOf(run), TagVerdict.Created, "x", Token),
        ["log"] = (history, run) => history.Logs.AppendAsync(run.Release.Id, run.Fence, Encoding.UTF8.GetBytes("late\n"), Token),
    };

    private static Reason Away { get; } = new(ReasonCode.RegistryUnavailable, "away");

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task A_Write_Under_A_Stale_Fence_Is_Refused(string write)
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var dead = (await History.Runs.ClaimAsync("dead", engine: null, TimeSpan.FromSeconds(-1), Token)).ShouldNotBeNull();
        var next = await ClaimRunAsync();
        next.Release.Id.ShouldBe(dead.Release.Id);
        var before = await SnapshotAsync();

        var refusal = await Should.ThrowAsync<FencedOffException>(All[write](History, dead));

        (refusal.ReleaseId, refusal.Fence).ShouldBe((dead.Release.Id, dead.Fence));
        (await SnapshotAsync()).ShouldBe(before);
        await All[write](History, next);
    }

    [Fact]
    public async Task A_Hand_Back_Under_A_Stale_Fence_Takes_Nothing_From_The_New_Owner()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var dead = (await History.Runs.ClaimAsync("dead", engine: null, TimeSpan.FromSeconds(-1), Token)).ShouldNotBeNull();
        var next = await ClaimRunAsync();

        await History.Runs.HandBackAsync(dead, Token);
        await History.Tags.UnlockAsync(dead, dead.Release.Images[0].Image, Token);

        (await History.Runs.RenewAsync(next, History.Lease, Token)).ShouldBe(LeaseState.Held);
        (await History.RowsAsync<ResourceLock>()).ShouldHaveSingleItem().Fence.ShouldBe(next.Fence);
    }

    [Fact]
    public async Task A_Canceled_Release_Fences_Its_Verifier_Off()
    {
        var id = await AcceptAsync(7, GitRef.Tag("v1"), Object(1));
        var job = await ClaimVerificationAsync();
        (await History.Operations.CancelAsync(id, "ops", Token)).ShouldBe(OperationOutcome.Done);

        await Should.ThrowAsync<FencedOffException>(History.Verification.QueueAsync(job, Verified(job), Token));
        (await ReadAsync(id)).Status.ShouldBe(ReleaseStatus.Canceled);
    }

    [Fact]
    public async Task One_Run_At_A_Time_Has_The_Lock_Of_A_Tag()
    {
        await QueueTagAsync(7, "v1.0.0", 1, "one");
        await QueueTagAsync(8, "v1.0.0", 2, "two");
        var (first, second) = (await ClaimRunAsync(), await ClaimRunAsync());
        var tag = first.Release.Images[1].Image;

        var taken = await Task.WhenAll(Enumerable.Range(0, 10).Select(number => History.Tags.TryLockAsync(number % 2 == 0 ? first : second, tag, History.Lease, Token)));

        var winner = taken[0] ? first : second;
        taken.Where((_, number) => number % 2 == 0).Distinct().ShouldHaveSingleItem();
        taken.Where((_, number) => number % 2 == 1).Distinct().ShouldHaveSingleItem().ShouldBe(!taken[0]);
        await History.Tags.UnlockAsync(winner, tag, Token);
        (await History.Tags.TryLockAsync(winner == first ? second : first, tag, TimeSpan.FromSeconds(-1), Token)).ShouldBeTrue();
        (await History.Tags.TryLockAsync(winner, tag, History.Lease, Token)).ShouldBeTrue();
    }

    private async Task<string> SnapshotAsync() => System.Text.Json.JsonSerializer.Serialize(new
    {
        Releases = await History.RowsAsync<Release>(),
        Images = await History.RowsAsync<ReleaseImage>(),
        Stages = (await History.RowsAsync<ReleaseStage>()).OrderBy(stage => stage.Name),
        Owners = await History.RowsAsync<TagOwner>(),
        Moves = await History.RowsAsync<TagMove>(),
        Locks = await History.RowsAsync<ResourceLock>(),
        Logs = await History.RowsAsync<LogChunk>(),
        Outbox = await History.RowsAsync<OutboxMessage>(),
    });
}

public sealed class FenceOnSqlite() : FenceTests(new SqliteDatabases());

public sealed class FenceOnPostgres(PostgresServer server) : FenceTests(new PostgresDatabases(server));
