using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

public abstract class VerificationTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly Reason Gone = new(ReasonCode.RefGone, "gone");

    [Fact]
    public async Task A_Release_Is_Claimed_Once_And_Queued_With_What_GitLab_Says()
    {
        var id = await AcceptAsync(7, GitRef.Tag("v1.2.3"), Object(1));
        var job = await ClaimVerificationAsync();
        (job.ReleaseId, job.Ref.Name, job.Target, job.Tries).ShouldBe((id, "v1.2.3", Object(1), 0));
        (await History.Verification.ClaimAsync("other", History.Lease, Token)).ShouldBeNull();

        (await History.Verification.QueueAsync(job, Verified(job), Token)).ShouldBeNull();

        var release = await ReadAsync(id);
        (release.Status, release.Version, release.Commit, release.IsProtected).ShouldBe((ReleaseStatus.Queued, "1.2.3", Object(1).Value, true));
        (release.Owner, release.LeaseUntil).ShouldBe((null, null));
        release.Images.Select(image => (image.Reference, image.Kind, image.Status)).ShouldBe([
            ("registry.example/acme/app-7:v1.2.3", ImageTagKind.Version, ImageStatus.Pending),
            ("registry.example/acme/app-7:latest", ImageTagKind.Floating, ImageStatus.Pending)]);
        release.Images[1].FloatingScope.ShouldBe(FloatingScope.All);
        release.Stages.Select(stage => (stage.Name, stage.Status)).ShouldBe(
            [(StageName.Verify, StageStatus.Done), (StageName.Queue, StageStatus.Running)], ignoreOrder: true);
    }

    [Fact]
    public async Task Two_Verifiers_Never_Get_The_Same_Release()
    {
        for (var number = 0; number < 40; number++)
        {
            await AcceptAsync(7, GitRef.Tag($"v{number}"), Object(number));
        }

        var claimed = await Task.WhenAll(Enumerable.Range(0, 60).Select(number => History.Verification.ClaimAsync($"web-{number}", History.Lease, Token)));
        List<Guid> all = [.. claimed.OfType<VerificationJob>().Select(job => job.ReleaseId)];
        while (await History.Verification.ClaimAsync("last", History.Lease, Token) is { } job)
        {
            all.Add(job.ReleaseId);
        }

        all.Count.ShouldBe(40);
        all.ShouldBeUnique();
    }

    [Fact]
    public async Task Releases_Of_Forty_Projects_Are_All_Claimed_By_As_Many_Verifiers_At_Once()
    {
        for (var number = 0; number < 40; number++)
        {
            await AcceptAsync(100 + number, GitRef.Tag("v1"), Object(number));
        }

        var claimed = await Task.WhenAll(Enumerable.Range(0, 40).Select(number => History.Verification.ClaimAsync($"web-{number}", History.Lease, Token)));

        claimed.OfType<VerificationJob>().Select(job => job.ProjectId).ShouldBe(Enumerable.Range(100, 40).Select(id => (long)id), ignoreOrder: true);
    }

    [Fact]
    public async Task A_Verifier_That_Died_Is_Replaced_And_Refused_When_It_Comes_Back()
    {
        await AcceptAsync(7, GitRef.Tag("v1"), Object(1));
        var dead = (await History.Verification.ClaimAsync("dead", History.ShortLease, Token)).ShouldNotBeNull();

        var next = await History.UntilAsync(() => History.Verification.ClaimAsync("next", History.Lease, Token));

        next.ReleaseId.ShouldBe(dead.ReleaseId);
        next.Fence.ShouldBeGreaterThan(dead.Fence);
        await Should.ThrowAsync<FencedOffException>(History.Verification.QueueAsync(dead, Verified(dead), Token));
        await Should.ThrowAsync<FencedOffException>(History.Verification.RejectAsync(dead, ReleaseStatus.Rejected, Gone, [], Token));
        await Should.ThrowAsync<FencedOffException>(History.Verification.PostponeAsync(dead, Gone, TimeSpan.Zero, Token));
        (await History.Verification.QueueAsync(next, Verified(next), Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Burst_Of_One_Project_Keeps_Another_Waiting_For_One_Question_At_Most()
    {
        List<Guid> burst = [];
        for (var number = 0; number < 200; number++)
        {
            burst.Add(await AcceptAsync(7, GitRef.Tag($"v1.0.{number}"), Object(number)));
        }

        (await ClaimVerificationAsync()).ReleaseId.ShouldBe(burst[0]);
        History.Tick();
        var single = await AcceptAsync(8, GitRef.Tag("v1.0.0"), Object(500));
        var second = await AcceptAsync(8, GitRef.Tag("v1.0.1"), Object(501));

        List<Guid> asked = [];
        for (var number = 0; number < 4; number++)
        {
            asked.Add((await ClaimVerificationAsync()).ReleaseId);
            History.Tick();
        }

        asked.ShouldBe([single, burst[1], second, burst[2]]);
    }

    [Fact]
    public async Task What_Was_Put_Off_Is_Asked_About_In_The_Order_In_Which_It_Came()
    {
        var first = await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        var second = await AcceptAsync(7, GitRef.Tag("v1.0.1"), Object(2));
        var (one, two) = (await ClaimVerificationAsync(), await ClaimVerificationAsync());
        await History.Verification.PostponeAsync(two, Gone, TimeSpan.Zero, Token);
        History.Tick();
        await History.Verification.PostponeAsync(one, Gone, TimeSpan.Zero, Token);
        History.Tick();

        (await ClaimVerificationAsync()).ReleaseId.ShouldBe(first);
        (await ClaimVerificationAsync()).ReleaseId.ShouldBe(second);
    }

    [Fact]
    public async Task A_Question_Is_Held_As_Long_As_It_Is_Renewed_And_Given_Back_At_Once()
    {
        await AcceptAsync(7, GitRef.Tag("v1"), Object(1));
        var slow = (await History.Verification.ClaimAsync("slow", TimeSpan.FromSeconds(-1), Token)).ShouldNotBeNull();

        (await History.Verification.RenewAsync(slow, History.Lease, Token)).ShouldBeTrue();
        (await History.Verification.ClaimAsync("other", History.Lease, Token)).ShouldBeNull();
        await History.Verification.HandBackAsync(slow, Token);
        var next = (await History.Verification.ClaimAsync("other", History.Lease, Token)).ShouldNotBeNull();

        (next.ReleaseId, next.Tries).ShouldBe((slow.ReleaseId, 0));
        (await History.Verification.RenewAsync(slow, History.Lease, Token)).ShouldBeFalse();
        await History.Verification.HandBackAsync(slow, Token);
        (await ReadAsync(next.ReleaseId)).LeaseUntil.ShouldNotBeNull("what is another's is not given back");
        (await History.Verification.QueueAsync(next, Verified(next), Token)).ShouldBeNull();
        (await History.Verification.RenewAsync(next, History.Lease, Token)).ShouldBeFalse("it is a worker's now");
    }

    [Fact]
    public async Task A_Rejected_Release_Ends_With_Its_Reason_And_Is_Told()
    {
        var id = await AcceptAsync(7, GitRef.Tag("v1"), Object(1));

        await History.Verification.RejectAsync(await ClaimVerificationAsync(), ReleaseStatus.Rejected, Gone, TellAll, Token);

        var release = await ReadAsync(id);
        (release.Status, release.Reason, release.LeaseUntil).ShouldBe((ReleaseStatus.Rejected, Gone, null));
        release.FinishedAt.ShouldNotBeNull();
        release.Stages.Select(stage => (stage.Name, stage.Status)).ShouldBe(
            [(StageName.Verify, StageStatus.Failed), (StageName.Notify, StageStatus.Running)], ignoreOrder: true);
        (await History.Queries.MessagesAsync(id, Token)).ShouldHaveSingleItem().Outcome.ShouldBe(Outcome.Rejected);
    }

    [Fact]
    public async Task A_Postponed_Question_Is_Asked_Again_Later_With_A_Higher_Count()
    {
        var id = await AcceptAsync(7, GitRef.Tag("v1"), Object(1));
        await History.Verification.PostponeAsync(await ClaimVerificationAsync(), Gone, History.ShortLease, Token);
        var waiting = await ReadAsync(id);
        (waiting.Status, waiting.Reason).ShouldBe((ReleaseStatus.Verifying, Gone));

        var again = await History.UntilAsync(() => History.Verification.ClaimAsync("web", History.Lease, Token));

        (again.ReleaseId, again.Tries).ShouldBe((id, 1));
        (await History.Verification.QueueAsync(again, Verified(again), Token)).ShouldBeNull();
        (await ReadAsync(id)).Reason.ShouldBeNull();
    }

    [Fact]
    public async Task A_Newer_Commit_Of_A_Branch_Takes_Over_From_What_Has_Not_Started()
    {
        var main = GitRef.Branch("main");
        var running = await QueueBranchAsync(main, 1, 0);
        var run = await ClaimRunAsync();
        run.Release.Id.ShouldBe(running);
        var queued = await QueueBranchAsync(main, 2, 1);
        var other = await QueueBranchAsync(GitRef.Branch("next"), 3, 0);
        var newest = await QueueBranchAsync(main, 4, 2);

        var superseded = await ReadAsync(queued);
        (superseded.Status, superseded.Reason!.Code).ShouldBe((ReleaseStatus.Superseded, ReasonCode.Superseded));
        superseded.Stages.ShouldAllBe(stage => stage.Status != StageStatus.Running);
        (await ReadAsync(running)).Status.ShouldBe(ReleaseStatus.Building);
        (await ReadAsync(other)).Status.ShouldBe(ReleaseStatus.Queued);
        (await ReadAsync(newest)).Status.ShouldBe(ReleaseStatus.Queued);
        await History.Ledger.StartStageAsync(run, StageName.Build, ReleaseStatus.Building, Token);
    }

    [Fact]
    public async Task What_A_Worker_Claims_While_A_Newer_Commit_Is_Queued_Is_Either_Run_Or_Superseded()
    {
        var main = GitRef.Branch("main");
        for (var number = 1; number <= 15; number++)
        {
            var older = await QueueBranchAsync(main, number * 2, 0);
            await AcceptAsync(7, main, Object(number * 2 + 1), Object(number * 2));
            var job = await ClaimVerificationAsync();

            var claiming = History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token);
            await Task.WhenAll(claiming, History.Verification.QueueAsync(job, Verified(job, tags: "edge"), Token));

            var run = (await claiming) ?? await ClaimRunAsync();
            var status = (await ReadAsync(older)).Status;
            status.ShouldBe(run.Release.Id == older ? ReleaseStatus.Building : ReleaseStatus.Superseded);
            await FailAsync(run);
            if (run.Release.Id == older)
            {
                await FailAsync(await ClaimRunAsync());
            }
        }
    }

    private async Task<Guid> QueueBranchAsync(GitRef branch, int target, int before)
    {
        var id = await AcceptAsync(7, branch, Object(target), Object(before));
        var job = await ClaimVerificationAsync();
        (await History.Verification.QueueAsync(job, Verified(job, tags: "edge"), Token)).ShouldBeNull();
        return id;
    }
}

public sealed class VerificationOnSqlite() : VerificationTests(new SqliteDatabases());

public sealed class VerificationOnPostgres(PostgresServer server) : VerificationTests(new PostgresDatabases(server));
