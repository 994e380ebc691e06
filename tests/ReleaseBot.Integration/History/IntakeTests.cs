using System.Data.Common;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

public abstract class IntakeTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly NewRelease V1 = Release(7, GitRef.Tag("v1.0.0"), Object(1));

    [Fact]
    public async Task An_Accepted_Delivery_Makes_A_Release_To_Be_Verified()
    {
        var stored = await History.Intake.StoreAsync(Delivery("d1", V1, """{"a":1}"""), Token);

        stored.Outcome.ShouldBe(DeliveryOutcome.Accepted);
        var release = await ReadAsync(stored.ReleaseId!.Value);
        release.Status.ShouldBe(ReleaseStatus.Verifying);
        release.Attempt.ShouldBe(1);
        release.DeliveryId.ShouldBe(stored.DeliveryId);
        release.Target.ShouldBe(V1.Target.Value);
        release.TriggerUser.ShouldBe("jdoe");
        var delivery = (await History.Queries.DeliveryAsync(stored.DeliveryId, Token)).ShouldNotBeNull();
        (delivery.Outcome, delivery.ReleaseId, delivery.ReasonCode).ShouldBe((DeliveryOutcome.Accepted, stored.ReleaseId, null));
        Encoding.UTF8.GetString((await History.Queries.DeliveryBodyAsync(stored.DeliveryId, Token))!).ShouldBe("""{"a":1}""");
        (await History.Projects.AllAsync(Token)).ShouldHaveSingleItem().Path.ShouldBe("acme/app-7");
    }

    [Fact]
    public async Task An_Ignored_Delivery_Keeps_Its_Reason_And_Makes_No_Release()
    {
        var stored = await History.Intake.StoreAsync(Delivery("d1", null), Token);

        (stored.Outcome, stored.ReleaseId, stored.Reason!.Code).ShouldBe((DeliveryOutcome.Ignored, null, ReasonCode.NoMatchingProject));
        (await History.RowsAsync<Release>()).ShouldBeEmpty();
        var delivery = (await History.Queries.DeliveryAsync(stored.DeliveryId, Token)).ShouldNotBeNull();
        (delivery.Outcome, delivery.ReasonCode, delivery.ReasonMessage).ShouldBe((DeliveryOutcome.Ignored, ReasonCode.NoMatchingProject, "No entry matches."));
        (await History.Queries.DeliveryBodyAsync(stored.DeliveryId, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task The_Same_Delivery_Again_Is_A_Duplicate_With_The_Same_Release()
    {
        var first = await History.Intake.StoreAsync(Delivery("d1", V1), Token);
        var again = await History.Intake.StoreAsync(Delivery("d1", V1), Token);

        (again.Outcome, again.DeliveryId, again.ReleaseId).ShouldBe((DeliveryOutcome.Duplicate, first.DeliveryId, first.ReleaseId));
        (await History.RowsAsync<Delivery>()).ShouldHaveSingleItem().Outcome.ShouldBe(DeliveryOutcome.Accepted);
        (await History.RowsAsync<Release>()).ShouldHaveSingleItem().Attempt.ShouldBe(1);
    }

    [Fact]
    public async Task Another_Delivery_Of_The_Same_Ref_And_Object_Is_A_Duplicate_And_Says_So_In_The_History()
    {
        var first = await History.Intake.StoreAsync(Delivery("project-hook", V1), Token);
        var group = await History.Intake.StoreAsync(Delivery("group-hook", V1), Token);

        (group.Outcome, group.ReleaseId, group.Reason!.Code).ShouldBe((DeliveryOutcome.Duplicate, first.ReleaseId, ReasonCode.AlreadyAccepted));
        var row = (await History.Queries.DeliveryAsync(group.DeliveryId, Token)).ShouldNotBeNull();
        (row.Outcome, row.ReleaseId, row.ReasonCode).ShouldBe((DeliveryOutcome.Duplicate, first.ReleaseId, ReasonCode.AlreadyAccepted));
    }

    [Fact]
    public async Task A_Branch_That_Comes_Back_To_A_Commit_Is_Another_Release()
    {
        var main = GitRef.Branch("main");
        var first = await AcceptAsync(7, main, Object(1), Object(9));
        await AcceptAsync(7, main, Object(2), Object(1));
        var back = await AcceptAsync(7, main, Object(1), Object(2));

        back.ShouldNotBe(first);
    }

    [Fact]
    public async Task A_Branch_That_Goes_To_And_Fro_Makes_A_Release_Of_Each_Push_And_Of_No_Double()
    {
        var (there, back) = (Release(7, Main, Object(2), Object(1)), Release(7, Main, Object(1), Object(2)));
        var first = await PushAsync("1", there, 2);
        (await History.Intake.StoreAsync(Delivery("1, by the group's hook", there), Token)).ShouldSatisfyAllConditions(
            stored => stored.Outcome.ShouldBe(DeliveryOutcome.Duplicate), stored => stored.ReleaseId.ShouldBe(first));
        var second = await PushAsync("2", back, 1);

        var third = await PushAsync("3", there, 2);
        var fourth = await PushAsync("4", back, 1);

        (await History.RowsAsync<Release>()).Select(release => release.Id).Order().ShouldBe([first, second, third, fourth]);
        foreach (var key in (string[])["4", "4, by the group's hook"])
        {
            var again = await History.Intake.StoreAsync(Delivery(key, back), Token);
            (again.Outcome, again.ReleaseId).ShouldBe((DeliveryOutcome.Duplicate, fourth), key);
        }

        // Its id says that it is the very same delivery, though the branch has been elsewhere since.
        var resent = await History.Intake.StoreAsync(Delivery("1", there), Token);
        (resent.Outcome, resent.ReleaseId).ShouldBe((DeliveryOutcome.Duplicate, first));
    }

    [Theory]
    [InlineData("by the group's hook")]
    [InlineData("content:1")]
    public async Task A_Double_Of_A_Push_That_GitLab_Has_Not_Been_Asked_About_Is_The_Same_Release(string key)
    {
        await PushAsync("1", Release(7, Main, Object(1)), 1);
        var push = Release(7, Main, Object(2), Object(1));
        var first = await History.Intake.StoreAsync(Delivery("content:1", push), Token);

        var again = await History.Intake.StoreAsync(Delivery(key, push), Token);

        (first.Outcome, again.Outcome, again.ReleaseId).ShouldBe((DeliveryOutcome.Accepted, DeliveryOutcome.Duplicate, first.ReleaseId));
        (await History.RowsAsync<Release>()).Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_Late_Double_Of_A_Push_Is_Superseded_And_Does_Not_Hide_The_Next_Push()
    {
        var (there, back) = (Release(7, Main, Object(2), Object(1)), Release(7, Main, Object(1), Object(2)));
        await PushAsync("1", there, 2);
        var second = await PushAsync("2", back, 1);

        var late = await History.Intake.StoreAsync(Delivery("1, late", there), Token);
        // Of the second push there is a double too; the branch is still there.
        (await History.Intake.StoreAsync(Delivery("2, late", back), Token)).ReleaseId.ShouldBe(second);
        var job = await ClaimVerificationAsync();
        job.ReleaseId.ShouldBe(late.ReleaseId!.Value);
        // GitLab is being asked and says that the branch is elsewhere, when the branch is pushed there once more.
        var third = await History.Intake.StoreAsync(Delivery("3", there), Token);
        (third.Outcome, third.ReleaseId).ShouldBe((DeliveryOutcome.Duplicate, late.ReleaseId));
        await Should.ThrowAsync<FencedOffException>(() => SupersedeAsync(job));
        await PublishAsync(late.ReleaseId!.Value, 2);

        var fourth = await PushAsync("4", back, 1);
        var lateAgain = await History.Intake.StoreAsync(Delivery("3, late", there), Token);
        await SupersedeAsync(await ClaimVerificationAsync());
        (await ReadAsync(lateAgain.ReleaseId!.Value)).Status.ShouldBe(ReleaseStatus.Superseded);
        var fifth = await History.Intake.StoreAsync(Delivery("5", there), Token);
        (fifth.Outcome, fifth.ReleaseId).ShouldBe((DeliveryOutcome.Accepted, lateAgain.ReleaseId));
        (await ReadAsync(fifth.ReleaseId!.Value)).Attempt.ShouldBe(2);
        fourth.ShouldNotBe(second);
    }

    [Fact]
    public async Task A_Late_Double_That_Finds_Its_Commit_Published_Anew_Is_Superseded()
    {
        var (there, back) = (Release(7, Main, Object(2), Object(1)), Release(7, Main, Object(1), Object(2)));
        await PushAsync("1", there, 2);
        await PushAsync("2", back, 1);
        // Pushed there by another step, of which GitLab has not been asked when the double comes.
        var other = (await History.Intake.StoreAsync(Delivery("3", Release(7, Main, Object(2), Object(3))), Token)).ReleaseId.ShouldNotBeNull();
        var late = await History.Intake.StoreAsync(Delivery("1, late", there), Token);
        late.Outcome.ShouldBe(DeliveryOutcome.Accepted);
        await PublishAsync(other, 2);
        var job = await ClaimVerificationAsync();

        var reason = await History.Verification.QueueAsync(job, Verified(job, tags: "edge"), Token);

        reason.ShouldNotBeNull().Message.ShouldContain(other.ToString());
        (await ReadAsync(late.ReleaseId!.Value)).Status.ShouldBe(ReleaseStatus.Superseded);
    }

    [Fact]
    public async Task A_Branch_That_Is_Published_By_Hand_After_It_Came_Back_Is_Another_Release()
    {
        var there = Release(7, Main, Object(2)) with { Trigger = TriggerKind.Manual };
        var (first, _) = await History.Operations.CreateAsync(there, Token);
        await PublishAsync(first, 2);
        (await History.Operations.CreateAsync(there, Token)).ShouldBe((first, false));
        await PushAsync("1", Release(7, Main, Object(1), Object(2)), 1);

        var (second, isNew) = await History.Operations.CreateAsync(there, Token);

        (second == first, isNew).ShouldBe((false, true));
    }

    private static GitRef Main { get; } = GitRef.Branch("main");

    /// <summary>A push that is accepted, with GitLab saying that the branch is there, and published.</summary>
    private async Task<Guid> PushAsync(string key, NewRelease release, int target)
    {
        var stored = await History.Intake.StoreAsync(Delivery(key, release), Token);
        stored.Outcome.ShouldBe(DeliveryOutcome.Accepted, key);
        await PublishAsync(stored.ReleaseId!.Value, target);
        return stored.ReleaseId.Value;
    }

    private async Task PublishAsync(Guid id, int target)
    {
        var job = await ClaimVerificationAsync();
        (job.ReleaseId, job.Target).ShouldBe((id, Object(target)));
        (await History.Verification.QueueAsync(job, Verified(job, tags: "edge"), Token)).ShouldBeNull();
        await PublishAsync(await ClaimRunAsync());
        (await ReadAsync(id)).Status.ShouldBe(ReleaseStatus.Published);
    }

    private Task SupersedeAsync(VerificationJob job) =>
        History.Verification.RejectAsync(job, ReleaseStatus.Superseded, new Reason(ReasonCode.Superseded, "The branch is elsewhere."), [], Token);

    [Fact]
    public async Task Twenty_Equal_Deliveries_At_Once_Make_One_Release()
    {
        var stored = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => History.Intake.StoreAsync(Delivery("same", V1), Token)));

        stored.Count(one => one.Outcome == DeliveryOutcome.Accepted).ShouldBe(1);
        stored.Count(one => one.Outcome == DeliveryOutcome.Duplicate).ShouldBe(19);
        stored.Select(one => one.ReleaseId).Distinct().ShouldHaveSingleItem();
        stored.Select(one => one.DeliveryId).Distinct().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Two_Processes_With_The_Same_Events_In_Opposite_Order_Make_Each_Release_Once()
    {
        await using var other = History.Neighbour();
        var releases = Enumerable.Range(1, 120).Select(number => Release(number % 5, GitRef.Tag($"v{number}"), Object(number))).ToList();
        var project = Task.WhenAll(releases.Select(one => History.Intake.StoreAsync(Delivery("p" + one.Key, one), Token)));
        var group = Task.WhenAll(Enumerable.Reverse(releases).Select(one => other.Intake.StoreAsync(Delivery("g" + one.Key, one), Token)));
        var all = (await project).Concat(await group).ToList();

        all.Count(one => one.Outcome == DeliveryOutcome.Accepted).ShouldBe(120);
        all.Select(one => one.ReleaseId).Distinct().Count().ShouldBe(120);
        (await History.RowsAsync<Release>()).Count.ShouldBe(120);
    }

    [Theory]
    [InlineData(ReleaseStatus.Rejected)]
    [InlineData(ReleaseStatus.Failed)]
    [InlineData(ReleaseStatus.Canceled)]
    public async Task A_Release_That_Ended_Badly_Is_Judged_Again_By_A_New_Delivery_And_By_A_Resend(ReleaseStatus ended)
    {
        var first = await History.Intake.StoreAsync(Delivery("d1", V1), Token);
        await EndAsync(ended);
        var fence = (await ReadAsync(first.ReleaseId!.Value)).Fence;

        var resent = await History.Intake.StoreAsync(Delivery("d1", V1), Token);

        (resent.Outcome, resent.ReleaseId).ShouldBe((DeliveryOutcome.Accepted, first.ReleaseId));
        var second = await ReadAsync(first.ReleaseId.Value);
        (second.Status, second.Attempt, second.PreviousStatus, second.Reason, second.FinishedAt).ShouldBe((ReleaseStatus.Verifying, 2, ended, null, null));
        second.Fence.ShouldBeGreaterThan(fence);
        await EndAsync(ended);
        (await History.Intake.StoreAsync(Delivery("d2", V1), Token)).Outcome.ShouldBe(DeliveryOutcome.Accepted);
        (await ReadAsync(first.ReleaseId.Value)).Attempt.ShouldBe(3);
    }

    [Fact]
    public async Task A_Published_Release_Stays_As_It_Is()
    {
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());

        var again = await History.Intake.StoreAsync(Delivery("again", V1), Token);

        (again.Outcome, again.ReleaseId).ShouldBe((DeliveryOutcome.Duplicate, id));
        (await ReadAsync(id)).Status.ShouldBe(ReleaseStatus.Published);
    }

    [Fact]
    public async Task An_Ignored_Delivery_That_Is_Resent_When_A_Rule_Matches_Is_Accepted()
    {
        var ignored = await History.Intake.StoreAsync(Delivery("d1", null), Token);
        (await History.Intake.StoreAsync(Delivery("d1", null), Token)).Outcome.ShouldBe(DeliveryOutcome.Duplicate);

        var accepted = await History.Intake.StoreAsync(Delivery("d1", V1), Token);

        (accepted.Outcome, accepted.DeliveryId).ShouldBe((DeliveryOutcome.Accepted, ignored.DeliveryId));
        var row = (await History.Queries.DeliveryAsync(ignored.DeliveryId, Token)).ShouldNotBeNull();
        (row.Outcome, row.ReasonCode, row.ReleaseId).ShouldBe((DeliveryOutcome.Accepted, null, accepted.ReleaseId));
        Encoding.UTF8.GetString((await History.Queries.DeliveryBodyAsync(ignored.DeliveryId, Token))!).ShouldBe("{}");
    }

    [Fact]
    public async Task A_Delivery_That_Made_A_Release_Names_It_When_It_Is_Resent_And_No_Rule_Matches_Any_More()
    {
        var first = await History.Intake.StoreAsync(Delivery("d1", V1), Token);

        var again = await History.Intake.StoreAsync(Delivery("d1", null), Token);

        (again.Outcome, again.ReleaseId).ShouldBe((DeliveryOutcome.Duplicate, first.ReleaseId));
    }

    /// <summary>Both orders may be found in one transaction: the row of the new delivery makes the release, and the resend is told of it, or the other way round.</summary>
    [Fact]
    public async Task A_Resend_And_A_New_Delivery_Of_The_Same_Release_At_Once_Are_Told_Who_Made_It()
    {
        var releases = Enumerable.Range(1, 40).Select(number => Release(7, GitRef.Tag($"v{number}"), Object(number))).ToList();
        foreach (var release in releases)
        {
            await History.Intake.StoreAsync(Delivery("ignored " + release.Ref.Name, null), Token);
        }

        var stored = await Task.WhenAll(releases.SelectMany(release => new[]
        {
            History.Intake.StoreAsync(Delivery("ignored " + release.Ref.Name, release), Token),
            History.Intake.StoreAsync(Delivery("new " + release.Ref.Name, release), Token),
        }));

        foreach (var pair in stored.Chunk(2))
        {
            pair.Select(one => one.Outcome).Order().ShouldBe([DeliveryOutcome.Accepted, DeliveryOutcome.Duplicate]);
            var release = await ReadAsync(pair.Select(one => one.ReleaseId).Distinct().ShouldHaveSingleItem()!.Value);
            var maker = pair.Single(one => one.Outcome == DeliveryOutcome.Accepted);
            release.DeliveryId.ShouldBe(maker.DeliveryId);
            (await History.Queries.DeliveryAsync(maker.DeliveryId, Token)).ShouldNotBeNull().Outcome.ShouldBe(DeliveryOutcome.Accepted);
        }
    }

    [Fact]
    public async Task A_Row_That_The_Database_Refuses_Takes_No_Neighbour_With_It()
    {
        var bad = Delivery("bad", V1) with { Headers = null! };
        var good = Enumerable.Range(0, 30).Select(number => Delivery($"good-{number}", Release(7, GitRef.Tag($"v{number}"), Object(number)))).ToList();
        var all = good.Take(15).Append(bad).Concat(good.Skip(15)).Select(one => History.Intake.StoreAsync(one, Token)).ToList();

        await Should.ThrowAsync<Exception>(all[15]);
        all.RemoveAt(15);
        (await Task.WhenAll(all)).ShouldAllBe(one => one.Outcome == DeliveryOutcome.Accepted);
        (await History.RowsAsync<Delivery>()).Count.ShouldBe(30);
    }

    [Fact]
    public async Task No_More_Is_Taken_While_Large_Bodies_Wait_And_What_Waits_Is_Stored()
    {
        var body = new byte[24 * 1024 * 1024];
        new Random(1).NextBytes(body);
        var gate = new TaskCompletionSource();
        // PostgreSQL has several writers at once.
        var writers = Enumerable.Range(0, 10).Select(_ => History.Database.WriteAsync(
            async (_, _) =>
            {
                await gate.Task;
                return true;
            },
            Token)).ToList();
        var waiting = Enumerable.Range(0, 3).Select(number => History.Intake.StoreAsync(
            Delivery($"d{number}", Release(7, GitRef.Tag($"v{number}"), Object(number))) with { Body = body }, Token)).ToList();

        await Should.ThrowAsync<IntakeFullException>(() => History.Intake.StoreAsync(Delivery("one more", V1), Token));

        gate.SetResult();
        await Task.WhenAll(writers);
        (await Task.WhenAll(waiting)).ShouldAllBe(one => one.Outcome == DeliveryOutcome.Accepted);
        (await History.Intake.StoreAsync(Delivery("one more", V1), Token)).Outcome.ShouldBe(DeliveryOutcome.Accepted);
    }

    public static TheoryData<string?, string?> Texts => new()
    {
        { null, null },
        { "", "" },
        { "jdoe", "jdoe" },
        { "Zo\u00eb \ud83d\ude80", "Zo\u00eb \ud83d\ude80" },
        { new string('\u20ac', 200), new string('\u20ac', 200) },
        // PostgreSQL's text has none.
        { "a\0b", "a\ufffdb" },
    };

    [Theory]
    [MemberData(nameof(Texts), DisableDiscoveryEnumeration = true)]
    public async Task A_Text_Is_Stored_As_It_Came_But_For_A_Nul(string? text, string? stored)
    {
        var delivery = await History.Intake.StoreAsync(Delivery("d1", V1 with { User = text }) with { User = text }, Token);

        (await History.Queries.DeliveryAsync(delivery.DeliveryId, Token)).ShouldNotBeNull().User.ShouldBe(stored);
        (await ReadAsync(delivery.ReleaseId!.Value)).TriggerUser.ShouldBe(stored);
    }

    [Fact]
    public async Task Two_Hundred_Callers_At_Once_All_Find_Their_Own_Row_On_Disk()
    {
        var stored = await Task.WhenAll(Enumerable.Range(0, 200).Select(async number =>
        {
            var release = Release(number % 7, GitRef.Tag($"v0.0.{number}"), Object(number));
            var answer = await History.Intake.StoreAsync(Delivery($"d{number}", release), Token);
            var row = (await History.Queries.ReleaseAsync(answer.ReleaseId!.Value, Token)).ShouldNotBeNull();
            row.RefName.ShouldBe($"v0.0.{number}");
            row.DeliveryId.ShouldBe(answer.DeliveryId);
            return answer;
        }));

        stored.ShouldAllBe(one => one.Outcome == DeliveryOutcome.Accepted);
        (await History.RowsAsync<Delivery>()).Count.ShouldBe(200);
    }

    [Fact]
    public async Task Releases_Of_One_Moment_Have_Ids_In_The_Order_Of_Arrival()
    {
        var stored = await Task.WhenAll(Enumerable.Range(0, 60).Select(number =>
            History.Intake.StoreAsync(Delivery($"d{number}", Release(7, GitRef.Tag($"v{number}"), Object(number))), Token)));

        stored.Select(one => one.ReleaseId!.Value).ShouldBeInOrder();
    }

    private async Task EndAsync(ReleaseStatus status)
    {
        var job = await ClaimVerificationAsync();
        if (status == ReleaseStatus.Canceled)
        {
            (await History.Operations.CancelAsync(job.ReleaseId, "ops", Token)).ShouldBe(OperationOutcome.Done);
            return;
        }

        await History.Verification.RejectAsync(job, status, new Reason(ReasonCode.RefNotProtected, "not protected"), TellAll, Token);
    }
}

public sealed class IntakeOnSqlite() : IntakeTests(new SqliteDatabases())
{
    /// <summary>
    /// The line then begins with those for which next to nothing is left, each a little less late than the one before: none of them may be what the others are tried for.
    /// </summary>
    [Fact]
    public async Task What_Comes_While_The_Database_Is_Away_For_Longer_Than_A_Delivery_Waits_Is_Stored_Afterwards()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var folder = Directory.CreateTempSubdirectory("rb-history-").FullName;
        await using var history = SqliteDatabases.Open(folder, clock, () => SqliteDatabases.RemoveAsync(folder), new SlowTransactions(clock));
        await history.Database.MigrateAsync(Token);
        var isBack = new TaskCompletionSource();
        var away = history.Database.WriteAsync((_, _) => isBack.Task.ContinueWith(_ => true, TaskScheduler.Default), Token);
        List<Task<StoredDelivery>> waiting = [];
        for (var number = 0; number < 2000; number++)
        {
            clock.Advance(TimeSpan.FromMilliseconds(1));
            waiting.Add(history.Intake.StoreAsync(Delivery($"d{number}", Release(7, GitRef.Tag($"v{number}"), Object(number))), Token));
        }

        clock.Advance(TimeSpan.FromMilliseconds(4600));
        isBack.SetResult();
        await away;

        await Should.ThrowAsync<TimeoutException>(waiting[0]);
        (await Task.WhenAll(waiting[^1000..])).ShouldAllBe(one => one.Outcome == DeliveryOutcome.Accepted);
    }

    [Fact]
    public async Task A_File_That_Another_Program_Keeps_Locked_Is_Named_Before_The_Sender_Hangs_Up_And_Stored_To_Once_It_Is_Free()
    {
        var folder = Directory.CreateTempSubdirectory("rb-history-").FullName;
        await using var history = SqliteDatabases.Open(folder, clock: null, () => SqliteDatabases.RemoveAsync(folder));
        await history.Database.MigrateAsync(Token);
        await using var shell = new SqliteConnection(SqliteFile.ConnectionString(SqliteDatabases.PathIn(folder)) + ";Pooling=False");
        await shell.OpenAsync(Token);
        await using var backup = (SqliteTransaction)await shell.BeginTransactionAsync(Token);
        var start = TimeProvider.System.GetTimestamp();

        var fault = await Should.ThrowAsync<TimeoutException>(history.Intake.StoreAsync(Delivery("d1", Release(7, GitRef.Tag("v1"), Object(1))), Token));
        TimeProvider.System.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(10), "GitLab has hung up by then");
        StoreFault.Explain(fault).ShouldNotBeNull().ShouldStartWith("another program keeps the database locked");
        var waiting = history.Intake.StoreAsync(Delivery("d2", Release(7, GitRef.Tag("v2"), Object(2))), Token);
        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, Token);
        waiting.IsCompleted.ShouldBeFalse();
        await backup.RollbackAsync(Token);
        (await waiting).Outcome.ShouldBe(DeliveryOutcome.Accepted);
    }

    /// <summary>Of which each takes longer than it is from one delivery to the next.</summary>
    private sealed class SlowTransactions(FakeTimeProvider clock) : DbTransactionInterceptor
    {
        public override ValueTask<DbTransaction> TransactionStartedAsync(
            DbConnection connection, TransactionEndEventData eventData, DbTransaction result, CancellationToken cancellationToken = default)
        {
            clock.Advance(TimeSpan.FromMilliseconds(20));
            return ValueTask.FromResult(result);
        }
    }
}

public sealed class IntakeOnPostgres(PostgresServer server) : IntakeTests(new PostgresDatabases(server))
{
    private const int IntakeTables = 3;

    /// <summary>A transaction locks what it finds there in one order, whatever came first: else they would wait for each other until PostgreSQL throws one out.</summary>
    [Fact]
    public async Task Processes_That_Judge_The_Same_Releases_Again_In_Any_Order_Do_Not_Wait_For_Each_Other()
    {
        var deadlocks = new Deadlocks();
        List<HistoryHost> processes = [.. Enumerable.Range(0, 4).Select(_ => History.Neighbour(deadlocks))];
        var releases = Enumerable.Range(1, 120).Select(number => Release(7, GitRef.Tag($"v{number}"), Object(number))).ToArray();
        await Task.WhenAll(releases.Select(release => History.Intake.StoreAsync(Delivery("first " + release.Ref.Name, release), Token)));
        // Each has its connection and its code when it begins.
        await Task.WhenAll(processes.Select((process, i) => process.Intake.StoreAsync(Delivery($"{i}", null), Token)));
        await History.Database.WriteAsync(
            (context, token) => context.Releases.ExecuteUpdateAsync(rows => rows.SetProperty(row => row.Status, ReleaseStatus.Rejected), token), Token);

        var stored = await Task.WhenAll(processes.SelectMany((process, i) =>
        {
            var random = new Random(i);
            var own = releases.ToArray();
            random.Shuffle(own);
            return own.Select(release => process.Intake.StoreAsync(Delivery($"{i} {release.Ref.Name}", release), Token));
        }));

        stored.Count(one => one.Outcome == DeliveryOutcome.Accepted).ShouldBe(releases.Length);
        (await History.RowsAsync<Release>()).ShouldAllBe(release => release.Attempt == 2);
        deadlocks.Count.ShouldBe(0);
        foreach (var process in processes)
        {
            await process.DisposeAsync();
        }
    }

    /// <summary>A statement that does is planned once, when there is next to nothing in the tables, and then reads them from end to end for as long as its connection lives.</summary>
    [Fact]
    public async Task A_Batch_Is_Written_By_A_Prepared_Statement_That_Reads_No_Table()
    {
        await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));

        // The pool gives out the connection that wrote, which alone knows what it prepared.
        var plan = await History.Database.ReadAsync(
            async (context, token) =>
            {
                await context.Database.OpenConnectionAsync(token);
                await context.Database.ExecuteSqlRawAsync("SET plan_cache_mode = force_generic_plan", token);
                var (name, holes) = (await ReadAsync(
                    context, "SELECT name, array_length(parameter_types, 1) FROM pg_prepared_statements WHERE statement LIKE '%INTO releases%'", token)).ShouldHaveSingleItem();
                var nulls = string.Join(", ", Enumerable.Repeat("NULL", holes));
                return (await ReadAsync(context, $"EXPLAIN EXECUTE {name} ({nulls})", token)).ConvertAll(row => row.Text);
            },
            Token);

        plan.Count(line => line.Contains("Insert on ", StringComparison.Ordinal)).ShouldBe(IntakeTables);
        plan.Where(line => line.Contains(" Scan ", StringComparison.Ordinal)).ShouldAllBe(
            line => line.Contains("Function Scan", StringComparison.Ordinal) || line.Contains("CTE Scan", StringComparison.Ordinal));
    }

    private static async Task<List<(string Text, int Number)>> ReadAsync(HistoryContext context, string sql, CancellationToken cancellationToken)
    {
        await using var command = context.Database.GetDbConnection().CreateCommand();
        command.CommandText = sql;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<(string, int)> rows = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add((reader.GetString(0), reader.FieldCount > 1 ? reader.GetInt32(1) : 0));
        }

        return rows;
    }

    /// <summary>Counts how often PostgreSQL threw one out of those who wait for each other.</summary>
    private sealed class Deadlocks : DbCommandInterceptor
    {
        private int _count;

        public int Count => _count;

        public override Task CommandFailedAsync(DbCommand command, CommandErrorEventData eventData, CancellationToken cancellationToken = default)
        {
            if (eventData.Exception is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected })
            {
                Interlocked.Increment(ref _count);
            }

            return Task.CompletedTask;
        }
    }
}
