using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>What becomes of a run besides its good end: waits, hand-overs, cancels, retries.</summary>
public abstract class RunTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly Reason Away = new(ReasonCode.RegistryUnavailable, "registry.example is away");

    [Fact]
    public async Task A_Published_Release_Has_Its_Digest_And_Holds_Nothing()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.StartStageAsync(run, StageName.Push, ReleaseStatus.Pushing, Token);
        await PublishAsync(run);

        var release = await ReadAsync(id);
        (release.Status, release.Digest, release.Owner, release.LeaseUntil).ShouldBe((ReleaseStatus.Published, DigestOf(run).Value, null, null));
        release.FinishedAt.ShouldNotBeNull();
        release.Images.ShouldAllBe(image => image.Status == ImageStatus.Pushed && image.FinishedAt != null);
        release.Stages.Where(stage => stage.Name != StageName.Notify).ShouldAllBe(stage => stage.Status == StageStatus.Done && stage.FinishedAt != null);
        (await History.RowsAsync<ResourceLock>()).ShouldBeEmpty();
        await Should.ThrowAsync<FencedOffException>(History.Ledger.EndWaitAsync(run, Token));
    }

    [Fact]
    public async Task A_Failed_Release_Marks_What_It_Did_Not_Push()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.RecordImageAsync(run, 0, ImageStatus.Pushed, DigestOf(run), null, Token);
        await FailAsync(run);

        var release = await ReadAsync(id);
        (release.Images[0].Status, release.Images[0].ReasonCode).ShouldBe((ImageStatus.Pushed, null));
        (release.Images[1].Status, release.Images[1].ReasonCode, release.Images[1].ReasonMessage).ShouldBe((ImageStatus.Failed, ReasonCode.BuildFailed, "exit code 1"));
    }

    [Fact]
    public async Task End_That_Some_Images_Caused_Is_Told_Of_These_And_Of_No_Other()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        var denied = new Reason(ReasonCode.PushDenied, "not yours");
        await History.Ledger.FinishAsync(run, ReleaseStatus.Failed, denied, [new ImageFailure(1, denied)], [], Token);

        var release = await ReadAsync(id);
        release.Reason.ShouldBe(denied);
        release.Images.Select(image => (image.Status, image.Reason)).ShouldBe([(ImageStatus.Pending, null), (ImageStatus.Failed, denied)]);
        release.Images[0].FinishedAt.ShouldBeNull();
    }

    [Fact]
    public async Task Image_That_Waited_For_Its_Registry_When_The_Release_Ended_Has_Failed_For_That()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.RecordImageAsync(run, 0, ImageStatus.Pending, null, Away, Token);
        var given = new Reason(Away.Code, "Given up.");
        var untried = new ImageFailure(0, given) { IsUntried = true };
        await History.Ledger.FinishAsync(run, ReleaseStatus.Failed, given, [untried, untried with { Ordinal = 1 }], [], Token);

        (await ReadAsync(id)).Images.Select(image => (image.Status, image.Reason)).ShouldBe([(ImageStatus.Failed, Away), (ImageStatus.Pending, given)]);
    }

    [Fact]
    public async Task No_Reason_Holds_A_Secret_That_A_Tool_Outside_Has_Quoted()
    {
        var reason = new Reason(ReasonCode.BuildFailed, $"executor failed running echo {HistoryHost.MaskedSecret}");
        const string Masked = "executor failed running echo ***";
        await AcceptAsync(7, GitRef.Tag("v0.1.0"), Object(1));
        await History.Verification.PostponeAsync(await ClaimVerificationAsync(), reason, TimeSpan.FromHours(1), Token);
        (await History.RowsAsync<Release>()).ShouldHaveSingleItem().ReasonMessage.ShouldBe(Masked);

        var id = await QueueTagAsync(8, "v1.0.0", 2);
        var run = await ClaimRunAsync();
        await History.Ledger.RecordImageAsync(run, 0, ImageStatus.Pending, null, reason, Token);
        (await ReadAsync(id)).Images[0].ReasonMessage.ShouldBe(Masked);
        await History.Ledger.PutOffAsync(run, reason, TimeSpan.Zero, null, Token);
        (await ReadAsync(id)).ReasonMessage.ShouldBe(Masked);
        run = await ClaimRunAsync();
        await History.Ledger.ParkAsync(run, reason, TimeSpan.Zero, Token);
        (await ReadAsync(id)).ReasonMessage.ShouldBe(Masked);
        run = await ClaimRunAsync();
        await History.Ledger.RecordImageAsync(run, 0, ImageStatus.Pending, null, reason, Token);
        await History.Ledger.FinishAsync(run, ReleaseStatus.Failed, reason, [new ImageFailure(1, reason)], TellAll, Token);

        var ended = await ReadAsync(id);
        ended.Images.Select(image => image.ReasonMessage).Append(ended.ReasonMessage).ShouldAllBe(message => message == Masked);
        (await History.RowsAsync<OutboxMessage>()).ShouldNotBeEmpty();
        (await History.RowsAsync<OutboxMessage>()).ShouldAllBe(message => !JsonSerializer.Serialize(message, JsonSerializerOptions.Default).Contains(HistoryHost.MaskedSecret));
    }

    [Fact]
    public async Task Another_Build_Takes_Back_What_The_First_One_Pushed()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.RecordBuiltAsync(run, "sha256:a", Token);
        await History.Ledger.RecordImageAsync(run, 0, ImageStatus.Pushed, DigestOf(run), null, Token);
        await History.Ledger.RecordBuiltAsync(run, "sha256:b", Token);

        var release = await ReadAsync(id);
        (release.ImageId, release.Digest).ShouldBe(("sha256:b", null));
        release.Images.ShouldAllBe(image => image.Status == ImageStatus.Pending && image.Digest == null);
    }

    [Fact]
    public async Task A_Parked_Release_Holds_Nothing_And_Comes_Back_Where_It_Was()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.RecordBuiltAsync(run, "sha256:a", Token);
        await History.Ledger.ParkAsync(run, Away, History.ShortLease, Token);

        var parked = await ReadAsync(id);
        (parked.Status, parked.Reason, parked.Tries, parked.Owner, parked.LeaseUntil).ShouldBe((ReleaseStatus.Pushing, Away, 1, null, null));
        parked.WaitingSince.ShouldNotBeNull();
        (await History.RowsAsync<ResourceLock>()).ShouldBeEmpty();

        var again = await History.UntilAsync(() => History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token));
        (again.Release.Id, again.Release.Status, again.Release.ImageId).ShouldBe((id, ReleaseStatus.Pushing, "sha256:a"));
        await History.Ledger.ParkAsync(again, Away, TimeSpan.FromHours(1), Token);
        (await ReadAsync(id)).WaitingSince.ShouldBe(parked.WaitingSince);
        (await ReadAsync(id)).Tries.ShouldBe(2);
        (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Release_That_Is_Put_Off_Goes_Back_To_The_Queue_And_Counts_Anew_After_The_Wait()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.StartStageAsync(run, StageName.Source, ReleaseStatus.Building, Token);
        await History.Ledger.PutOffAsync(run, new Reason(ReasonCode.EngineUnavailable, "away"), TimeSpan.FromHours(1), roomEngine: null, Token);
        (await ReadAsync(id)).Status.ShouldBe(ReleaseStatus.Queued);
        await QueueTagAsync(7, "v1.0.1", 2);
        var other = await ClaimRunAsync();
        other.Release.Id.ShouldNotBe(id);
        await FailAsync(other);

        await History.Database.WriteAsync(
            (context, token) => context.Releases.Where(row => row.Id == id).ExecuteUpdateAsync(
                row => row.SetProperty(release => release.NotBefore, DateTimeOffset.UnixEpoch), token),
            Token);
        var again = await ClaimRunAsync();
        again.Release.Id.ShouldBe(id);
        await History.Ledger.EndWaitAsync(again, Token);
        var release = await ReadAsync(id);
        (release.Tries, release.WaitingSince).ShouldBe((0, null));
    }

    [Fact]
    public async Task A_Release_That_Is_Handed_Back_Is_Claimed_At_Once_As_The_Same_Attempt()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Runs.HandBackAsync(run, Token);

        var next = await ClaimRunAsync();

        (next.Release.Id, next.Release.Attempt, next.Fence).ShouldBe((run.Release.Id, 1, run.Fence + 1));
    }

    [Fact]
    public async Task What_A_Dead_Process_Held_Is_Taken_Back_At_Once()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var dead = await ClaimRunAsync();
        await AcceptAsync(8, GitRef.Tag("v1"), Object(2));
        await ClaimVerificationAsync();
        (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token)).ShouldBeNull();

        (await History.Runs.TakeBackAllAsync(Token)).ShouldBe(2);

        History.Tick();
        var next = await ClaimRunAsync();
        (next.Release.Id, next.TakenOverFrom).ShouldBe((dead.Release.Id, "worker"), "whoever goes on can say that another began it");
        await ClaimVerificationAsync();
    }

    [Fact]
    public async Task A_Cancel_Ends_What_Waits_And_Asks_What_Runs()
    {
        var waiting = await QueueTagAsync(7, "v1.0.0", 1);
        (await History.Operations.CancelAsync(waiting, "ops", Token)).ShouldBe(OperationOutcome.Done);
        var ended = await ReadAsync(waiting);
        (ended.Status, ended.ReasonCode, ended.ReasonMessage).ShouldBe((ReleaseStatus.Canceled, ReasonCode.Canceled, "Canceled by ops."));
        ended.Stages.Single(stage => stage.Name == StageName.Queue).Status.ShouldBe(StageStatus.Canceled);
        (await History.Operations.CancelAsync(waiting, "ops", Token)).ShouldBe(OperationOutcome.Forbidden);
        (await History.Operations.CancelAsync(Guid.Empty, "ops", Token)).ShouldBe(OperationOutcome.NotFound);

        var running = await QueueTagAsync(7, "v1.0.1", 2);
        var run = await ClaimRunAsync();
        await History.Ledger.StartStageAsync(run, StageName.Source, ReleaseStatus.Building, Token);
        (await History.Operations.CancelAsync(running, "ops", Token)).ShouldBe(OperationOutcome.Done);
        (await ReadAsync(running)).Status.ShouldBe(ReleaseStatus.Building);
        (await History.Runs.RenewAsync(run, History.Lease, Token)).ShouldBe(LeaseState.CancelRequested);
        // It begins nothing more, also before it hears of it; and somebody else may ask again.
        await Should.ThrowAsync<CancelRequestedException>(History.Ledger.NextStageAsync(run, StageName.Source, StageName.Build, ReleaseStatus.Building, Token));
        (await ReadAsync(running)).Stages.Single(stage => stage.Name == StageName.Source).Status.ShouldBe(StageStatus.Done);
        (await History.Operations.CancelAsync(running, "another", Token)).ShouldBe(OperationOutcome.Done);
        (await ReadAsync(running)).ReasonMessage.ShouldBe("Canceled by ops.");
        var reason = await History.Runs.CancellationAsync(run, Token);
        reason.Message.ShouldBe("Canceled by ops. What was pushed already stays.");
        await History.Ledger.FinishAsync(run, ReleaseStatus.Canceled, reason, [], Token);
        var canceled = await ReadAsync(running);
        (canceled.CancelRequestedAt, canceled.ReasonMessage).ShouldBe((null, reason.Message));
    }

    [Theory]
    [InlineData(ReleaseStatus.Published, StageStatus.Done)]
    [InlineData(ReleaseStatus.Failed, StageStatus.Failed)]
    [InlineData(ReleaseStatus.Rejected, StageStatus.Failed)]
    [InlineData(ReleaseStatus.Canceled, StageStatus.Canceled)]
    [InlineData(ReleaseStatus.Superseded, StageStatus.Canceled)]
    public async Task A_Stage_That_Still_Runs_Ends_As_Its_Release_Does(ReleaseStatus status, StageStatus expected)
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.StartStageAsync(run, StageName.Source, ReleaseStatus.Building, Token);

        await History.Ledger.FinishAsync(run, status, reason: null, [], Token);

        (await ReadAsync(id)).Stages.Single(stage => stage.Name == StageName.Source).Status.ShouldBe(expected);
    }

    [Fact]
    public async Task A_Cancel_Just_Before_A_Wait_Does_Not_Last_As_Long_As_The_Wait()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        (await History.Operations.CancelAsync(id, "ops", Token)).ShouldBe(OperationOutcome.Done);

        await History.Ledger.ParkAsync(run, new Reason(ReasonCode.RegistryUnavailable, "It is away."), TimeSpan.FromHours(1), Token);

        var next = await ClaimRunAsync();
        next.Release.Id.ShouldBe(id);
        (await History.Runs.StateAsync(next, Token)).ShouldBe(LeaseState.CancelRequested);
        (await History.Runs.CancellationAsync(next, Token)).Message.ShouldStartWith("Canceled by ops.");
    }

    [Fact]
    public async Task A_Cancel_Ends_A_Parked_Release_And_One_Whose_Worker_Died()
    {
        var parked = await QueueTagAsync(7, "v1.0.0", 1);
        await History.Ledger.ParkAsync(await ClaimRunAsync(), Away, TimeSpan.FromHours(1), Token);
        var orphan = await QueueTagAsync(8, "v1.0.0", 2);
        (await History.Runs.ClaimAsync("dead", engine: null, TimeSpan.FromSeconds(-1), Token)).ShouldNotBeNull();

        await History.Operations.CancelAsync(parked, "ops", Token);
        await History.Operations.CancelAsync(orphan, "ops", Token);

        (await ReadAsync(parked)).Status.ShouldBe(ReleaseStatus.Canceled);
        (await ReadAsync(orphan)).Status.ShouldBe(ReleaseStatus.Canceled);
        (await History.RowsAsync<ResourceLock>()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Cancel_Has_A_Worker_Look_At_A_Parked_Release_Whose_Puts_Are_Not_Accounted_For()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        await History.Ledger.RecordBuiltAsync(run, "sha256:" + new string('1', 64), Token);
        await History.Tags.BeginPushAsync(run, run.Release.Images[0], Token);
        await History.Ledger.ParkAsync(run, Away, TimeSpan.FromHours(1), Token);

        (await History.Operations.CancelAsync(id, "ops", Token)).ShouldBe(OperationOutcome.Done);
        (await History.Operations.CancelAsync(id, "another", Token)).ShouldBe(OperationOutcome.Done);
        var asked = await ReadAsync(id);
        (asked.Status, asked.ReasonMessage).ShouldBe((ReleaseStatus.Pushing, "Canceled by ops."));
        var next = await ClaimRunAsync();
        next.Release.Id.ShouldBe(id);
        (await History.Runs.StateAsync(next, Token)).ShouldBe(LeaseState.CancelRequested);
        await History.Ledger.ParkAsync(next, Away, TimeSpan.FromHours(1), Token);

        // No worker came.
        await History.Database.WriteAsync(
            (context, token) => context.Releases.ExecuteUpdateAsync(row => row.SetProperty(release => release.CancelRequestedAt, DateTimeOffset.UnixEpoch), token), Token);
        (await History.Operations.CancelAsync(id, "another", Token)).ShouldBe(OperationOutcome.Done);
        var ended = await ReadAsync(id);
        (ended.Status, ended.ReasonMessage).ShouldBe(
            (ReleaseStatus.Canceled, "Canceled by ops. What was pushed already stays. No worker has looked at what the registries hold; see the images."));
        ended.Images.OrderBy(image => image.Ordinal).Select(image => (image.Status, image.ReasonCode)).ShouldBe(
            [(ImageStatus.Pending, ReasonCode.RegistryUnavailable), (ImageStatus.Pending, null)]);
    }

    [Fact]
    public async Task A_Cancel_And_A_Claim_At_The_Same_Moment_Agree()
    {
        for (var number = 0; number < 20; number++)
        {
            var id = await QueueTagAsync(7, $"v1.0.{number}", number);
            var claiming = History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token);
            await Task.WhenAll(claiming, History.Operations.CancelAsync(id, "ops", Token));

            var run = await claiming;
            var release = await ReadAsync(id);
            if (run is null)
            {
                release.Status.ShouldBe(ReleaseStatus.Canceled);
                continue;
            }

            (release.Status, release.Fence).ShouldBe((ReleaseStatus.Building, run.Fence));
            (await History.Runs.RenewAsync(run, History.Lease, Token)).ShouldBe(LeaseState.CancelRequested);
            await FailAsync(run);
        }
    }

    [Fact]
    public async Task A_Retry_Is_The_Next_Attempt_And_Only_From_A_Bad_End()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        (await History.Operations.RetryAsync(id, Token)).ShouldBe(OperationOutcome.Forbidden);
        (await History.Operations.RetryAsync(Guid.Empty, Token)).ShouldBe(OperationOutcome.NotFound);
        await FailAsync(await ClaimRunAsync());

        (await History.Operations.RetryAsync(id, Token)).ShouldBe(OperationOutcome.Done);

        var job = await ClaimVerificationAsync();
        job.ReleaseId.ShouldBe(id);
        (await History.Verification.QueueAsync(job, Verified(job), Token)).ShouldBeNull();
        await PublishAsync(await ClaimRunAsync());
        var release = await ReadAsync(id);
        (release.Status, release.Attempt, release.Images.Count).ShouldBe((ReleaseStatus.Published, 2, 2));
        release.Stages.Select(stage => stage.Attempt).Distinct().ShouldBe([1, 2], ignoreOrder: true);
        (await History.Operations.RetryAsync(id, Token)).ShouldBe(OperationOutcome.Forbidden);
    }

    [Fact]
    public async Task Many_Who_Publish_The_Same_Ref_By_Hand_At_Once_Make_One_Release()
    {
        await using var other = History.Neighbour();
        var release = Release(7, GitRef.Tag("v1.0.0"), Object(1)) with { Trigger = TriggerKind.Manual };

        var made = await Task.WhenAll(Enumerable.Range(0, 12).Select(number => (number % 2 == 0 ? History : other).Operations.CreateAsync(release, Token)));

        made.Count(one => one.IsNew).ShouldBe(1);
        made.Select(one => one.ReleaseId).Distinct().ShouldHaveSingleItem();
        (await ReadAsync(made[0].ReleaseId)).TriggerKind.ShouldBe(TriggerKind.Manual);
        (await History.Operations.CancelAsync(made[0].ReleaseId, "ops", Token)).ShouldBe(OperationOutcome.Done);
        (await History.Operations.CreateAsync(release, Token)).ShouldBe((made[0].ReleaseId, true));
    }
}

public sealed class RunOnSqlite() : RunTests(new SqliteDatabases());

public sealed class RunOnPostgres(PostgresServer server) : RunTests(new PostgresDatabases(server));
