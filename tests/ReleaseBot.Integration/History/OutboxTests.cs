using ReleaseBot.Core;
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

        var claimed = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => History.Outbox.ClaimAsync(2, History.Lease, Token)));

        var messages = claimed.SelectMany(batch => batch).ToList();
        while (await History.Outbox.ClaimAsync(5, History.Lease, Token) is { Count: > 0 } more)
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
        var dead = (await History.Outbox.ClaimAsync(5, History.ShortLease, Token)).ShouldHaveSingleItem();

        var again = await History.UntilAsync(async () => (await History.Outbox.ClaimAsync(5, History.Lease, Token)).SingleOrDefault());

        again.Id.ShouldBe(dead.Id);
    }

    [Fact]
    public async Task A_Message_Is_Put_Off_And_In_The_End_Given_Up()
    {
        var id = await EndAsync("v1.0.0", 1, ReleaseStatus.Published, All);
        var first = (await History.Outbox.ClaimAsync(5, History.Lease, Token)).ShouldHaveSingleItem();
        await History.Outbox.PutOffAsync(first.Id, History.ShortLease, "503", Token);

        var second = await History.UntilAsync(async () => (await History.Outbox.ClaimAsync(5, History.Lease, Token)).SingleOrDefault());
        (second.Id, second.Tries).ShouldBe((first.Id, 1));
        await History.Outbox.GiveUpAsync(second.Id, "410 gone", Token);

        (await History.Outbox.ClaimAsync(5, History.Lease, Token)).ShouldBeEmpty();
        var row = (await History.Queries.MessagesAsync(id, Token)).ShouldHaveSingleItem();
        row.DeadAt.ShouldNotBeNull();
        row.LastError.ShouldBe("410 gone");
    }

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
