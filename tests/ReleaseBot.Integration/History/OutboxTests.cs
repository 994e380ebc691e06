using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>What is to be told, and that each channel is told once.</summary>
public abstract class OutboxTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly NotifyRule All = new("all", Enum.GetValues<Outcome>().ToHashSet());
    private static readonly NotifyRule OnlyPublished = new("news", new HashSet<Outcome> { Outcome.Published });
    private static readonly NotifyRule OnlyFailed = new("alarm", new HashSet<Outcome> { Outcome.Failed });

    [Fact]
    public async Task Each_Channel_Is_Told_Once_Of_What_It_Asked_For()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Published, All, OnlyPublished, OnlyFailed);

        (await ToldAsync(id)).ShouldBe(["all published", "news published"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_Channel_That_Two_Rules_Name_Is_Told_Once()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Failed, All, new NotifyRule("all", new HashSet<Outcome> { Outcome.Failed }));

        (await ToldAsync(id)).ShouldBe(["all failed"]);
    }

    [Fact]
    public async Task The_First_Publication_After_A_Failure_Of_The_Project_Is_A_Recovery()
    {
        await EndAsync("v1.0.0", 1, ReleaseStatus.Failed);
        var recovery = await EndAsync("v1.0.1", 2, ReleaseStatus.Published, All, OnlyPublished, new NotifyRule("all", new HashSet<Outcome> { Outcome.Published }));
        var routine = await EndAsync("v1.0.2", 3, ReleaseStatus.Published, All);

        (await ToldAsync(recovery)).ShouldBe(["all recovered", "news published"], ignoreOrder: true);
        (await ToldAsync(routine)).ShouldBe(["all published"]);
    }

    [Fact]
    public async Task A_Rejected_Or_Canceled_Release_In_Between_Does_Not_Hide_A_Recovery()
    {
        await EndAsync("v1.0.0", 1, ReleaseStatus.Failed);
        await EndAsync("v1.0.1", 2, ReleaseStatus.Rejected);
        await EndAsync("v1.0.2", 3, ReleaseStatus.Canceled);

        (await ToldAsync(await EndAsync("v1.0.3", 4, ReleaseStatus.Published, All))).ShouldBe(["all recovered"]);
    }

    [Fact]
    public async Task A_Release_That_Is_Published_At_Its_Second_Attempt_Has_Recovered()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Failed, All);
        await History.Operations.RetryAsync(id, Token);
        var job = await ClaimVerificationAsync();
        await History.Verification.QueueAsync(job, Verified(job), Token);
        await History.Ledger.FinishAsync(await ClaimRunAsync(), ReleaseStatus.Published, null, [All], Token);

        (await ToldAsync(id)).ShouldBe(["all failed", "all recovered"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_Message_Is_Claimed_By_One_And_Delivered_Once()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Published, [.. Enumerable.Range(0, 12).Select(number => All with { Channel = $"channel-{number}" })]);

        var claimed = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => History.Outbox.ClaimAsync(2, History.Lease, [], Token)));

        var messages = claimed.SelectMany(batch => batch).ToList();
        while (await History.Outbox.ClaimAsync(5, History.Lease, [], Token) is { Count: > 0 } more)
        {
            messages.AddRange(more);
        }

        messages.Select(message => message.Channel).ShouldBeUnique();
        messages.Count.ShouldBe(12);
        messages.ShouldAllBe(message => message.Release.Id == id && message.Release.Images.Count == 2);
        foreach (var message in messages)
        {
            await History.Outbox.DeliveredAsync(message.Id, Token);
        }

        (await History.Queries.MessagesAsync(id, Token)).ShouldAllBe(message => message.DeliveredAt != null && message.LeaseUntil == null);
    }

    [Fact]
    public async Task A_Message_Whose_Teller_Died_Is_Told_By_Another()
    {
        await EndAsync("v1.0.0", 1, ReleaseStatus.Published, All);
        var dead = (await History.Outbox.ClaimAsync(5, History.ShortLease, [], Token)).ShouldHaveSingleItem();

        var again = await History.UntilAsync(async () => (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).SingleOrDefault());

        again.Id.ShouldBe(dead.Id);
    }

    [Fact]
    public async Task A_Message_Is_Kept_By_Renewing_And_Free_At_Once_When_Given_Back()
    {
        await EndAsync("v1.0.0", 1, ReleaseStatus.Published, All, OnlyPublished);
        var held = (await History.Outbox.ClaimAsync(5, History.ShortLease, ["news"], Token)).ShouldHaveSingleItem();
        var lapsing = (await History.Outbox.ClaimAsync(5, History.ShortLease, [], Token)).ShouldHaveSingleItem();

        var until = await History.Outbox.RenewAsync([held.Id], held.HeldUntil, History.ShortLease * 100, Token);
        var next = await History.UntilAsync(async () => (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).SingleOrDefault());
        next.Id.ShouldBe(lapsing.Id);

        await History.Outbox.HandBackAsync([held.Id], until, Token);
        (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).ShouldHaveSingleItem().Id.ShouldBe(held.Id);
    }

    [Fact]
    public async Task Who_Has_Lost_A_Message_Takes_Nothing_From_The_One_That_Has_It()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Published, All);
        var lost = (await History.Outbox.ClaimAsync(5, History.ShortLease, [], Token)).ShouldHaveSingleItem();
        var taken = await History.UntilAsync(async () => (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).SingleOrDefault());

        await History.Outbox.RenewAsync([lost.Id], lost.HeldUntil, History.Lease * 2, Token);
        await History.Outbox.PutOffAsync(lost.Id, lost.HeldUntil, TimeSpan.Zero, "too late", Token);
        await History.Outbox.HandBackAsync([lost.Id], lost.HeldUntil, Token);

        var row = (await History.Queries.MessagesAsync(id, Token)).ShouldHaveSingleItem();
        (row.LeaseUntil, row.Tries).ShouldBe((taken.HeldUntil, 0));
        await History.Outbox.DeliveredAsync(taken.Id, Token);
        await History.Outbox.HandBackAsync([taken.Id], taken.HeldUntil, Token);
        (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Message_Is_Put_Off_And_In_The_End_Given_Up()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Published, All);
        var first = (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).ShouldHaveSingleItem();
        await History.Outbox.PutOffAsync(first.Id, first.HeldUntil, History.ShortLease, "503", Token);

        var second = await History.UntilAsync(async () => (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).SingleOrDefault());
        (second.Id, second.Tries).ShouldBe((first.Id, 1));
        await History.Outbox.GiveUpAsync(second.Id, "410 gone", Token);

        (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).ShouldBeEmpty();
        var row = (await History.Queries.MessagesAsync(id, Token)).ShouldHaveSingleItem();
        row.DeadAt.ShouldNotBeNull();
        row.LastError.ShouldBe("410 gone");
    }

    [Fact]
    public async Task The_Stage_Notify_Lasts_From_The_Release_s_End_Until_The_Last_Channel_Is_Told()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Published, All, OnlyPublished);
        var release = await ReadAsync(id);
        var begun = NotifyOf(release);
        (begun.Status, begun.StartedAt, begun.FinishedAt).ShouldBe((StageStatus.Running, release.FinishedAt!.Value, null));

        var messages = await History.Outbox.ClaimAsync(5, History.Lease, [], Token);
        await History.Outbox.DeliveredAsync(messages[0].Id, Token);
        NotifyOf(await ReadAsync(id)).Status.ShouldBe(StageStatus.Running);
        await History.Outbox.DeliveredAsync(messages[1].Id, Token);

        var last = (await History.Queries.MessagesAsync(id, Token)).Max(message => message.DeliveredAt);
        var ended = NotifyOf(await ReadAsync(id));
        (ended.Status, ended.StartedAt, ended.FinishedAt).ShouldBe((StageStatus.Done, release.FinishedAt.Value, last));
    }

    [Fact]
    public async Task The_Stage_Notify_Ends_However_Close_Together_Its_Channels_Are_Told()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Published, [.. Enumerable.Range(0, 16).Select(number => All with { Channel = $"channel-{number}" })]);
        var messages = await History.Outbox.ClaimAsync(16, History.Lease, [], Token);

        await Task.WhenAll(messages.Select(message => History.Outbox.DeliveredAsync(message.Id, Token)));

        NotifyOf(await ReadAsync(id)).Status.ShouldBe(StageStatus.Done);
    }

    [Fact]
    public async Task A_Dead_Channel_Fails_The_Stage_Notify_And_Not_The_Release()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Published, All, OnlyPublished);
        var messages = await History.Outbox.ClaimAsync(5, History.Lease, [], Token);

        await History.Outbox.GiveUpAsync(messages[0].Id, "410 gone", Token);
        await History.Outbox.DeliveredAsync(messages[1].Id, Token);

        var release = await ReadAsync(id);
        (release.Status, NotifyOf(release).Status).ShouldBe((ReleaseStatus.Published, StageStatus.Failed));
    }

    [Fact]
    public async Task Where_Nobody_Is_To_Be_Told_The_Stage_Notify_Is_Skipped()
    {
        var release = await ReadAsync(await EndAsync("v1.0.0", 1, ReleaseStatus.Published, OnlyFailed));

        var stage = NotifyOf(release);
        (stage.Status, stage.StartedAt, stage.FinishedAt).ShouldBe((StageStatus.Skipped, release.FinishedAt!.Value, release.FinishedAt));
    }

    [Fact]
    public async Task A_Message_Of_An_Earlier_Attempt_Does_Not_End_The_Present_One_s_Stage()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Failed, All);
        var late = (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).ShouldHaveSingleItem();
        await History.Operations.RetryAsync(id, Token);
        var job = await ClaimVerificationAsync();
        await History.Verification.QueueAsync(job, Verified(job), Token);
        await History.Ledger.FinishAsync(await ClaimRunAsync(), ReleaseStatus.Published, null, [All], Token);

        await History.Outbox.DeliveredAsync(late.Id, Token);

        var stages = (await ReadAsync(id)).Stages.Where(stage => stage.Name == StageName.Notify).OrderBy(stage => stage.Attempt);
        stages.Select(stage => stage.Status).ShouldBe([StageStatus.Done, StageStatus.Running]);
    }

    private static ReleaseStage NotifyOf(Release release) =>
        release.Stages.Where(stage => stage.Name == StageName.Notify).ShouldHaveSingleItem();

    private async Task<Guid> EndAsync(string tag, int target, ReleaseStatus status, params NotifyRule[] tellings)
    {
        var id = await QueueTagAsync(7, tag, target);
        var reason = status == ReleaseStatus.Published ? null : new Reason(ReasonCode.BuildFailed, "x");
        await History.Ledger.FinishAsync(await ClaimRunAsync(), status, reason, tellings, Token);
        return id;
    }

    private async Task<List<string>> ToldAsync(Guid id) =>
        (await History.Queries.MessagesAsync(id, Token)).ConvertAll(message => $"{message.Channel} {message.Outcome.ToText()}");
}

public sealed class OutboxOnSqlite() : OutboxTests(new SqliteDatabases());

public sealed class OutboxOnPostgres(PostgresServer server) : OutboxTests(new PostgresDatabases(server));
