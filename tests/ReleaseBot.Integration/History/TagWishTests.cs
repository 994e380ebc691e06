using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>What operators wish of tags: written down, claimed once, decided under the tag's lock, recorded with who and why.</summary>
public abstract class TagWishTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly ImageRepository Repository = new(Host, "acme/app-7");
    private static readonly ImageRef Latest = Repository.WithTag("latest");

    [Fact]
    public async Task A_Floating_Tag_Is_Moved_Back_And_The_Next_Highest_Release_Moves_It_Forward()
    {
        var first = await PublishTagAsync("v1.0.0", 1);
        await PublishTagAsync("v2.0.0", 2);

        var wish = await WishAsync("v1.0.0");
        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Put>().Digest.ShouldBe(DigestOf(1));

        await ShouldPointToAsync(DigestOf(1), first, "1.0.0");
        var move = (await History.Queries.MovesAsync(Latest, 1, Token)).ShouldHaveSingleItem();
        (move.By, move.Reason, move.Verdict, move.From, move.To, move.ChangeId).ShouldBe(
            ("ops", "2.0.0 eats carts", TagVerdict.Moved, DigestOf(2).Value, DigestOf(1).Value, wish.Id));
        (await ReadChangeAsync(wish.Id)).Status.ShouldBe(TagChangeStatus.Done);

        // 1.1.0 is higher than what the tag points to, but 2.0.0 is published and counts.
        (await VerdictOfAsync("v1.1.0", 3)).ShouldBeOfType<FloatingVerdict.Keep>().Code.ShouldBe(ReasonCode.NotNewest);
        (await VerdictOfAsync("v2.0.1", 4)).ShouldBeOfType<FloatingVerdict.Move>();
    }

    [Fact]
    public async Task A_Wish_Names_A_Version_Or_Its_Tag_And_What_Was_Not_Published_Is_Refused()
    {
        await PublishTagAsync("v1.0.0", 1);
        await QueueTagAsync(7, "v2.0.0", 2);
        await FailAsync(await ClaimRunAsync());

        (await MoveAsync(Latest, "1.0.0")).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldHaveSingleItem().To.ShouldBe("v1.0.0");
        (await MoveAsync(Latest, "v2.0.0")).ShouldBeOfType<WishResult.NotPublished>();
        (await MoveAsync(Latest, "latest")).ShouldBeOfType<WishResult.NotPublished>();
        (await MoveAsync(Repository.WithTag("v1.0.0"), "v1.0.0")).ShouldBeOfType<WishResult.NotFloating>().Kind.ShouldBe(ImageTagKind.Version);
        (await MoveAsync(Repository.WithTag("stable"), "v1.0.0")).ShouldBeOfType<WishResult.Unknown>();
    }

    [Fact]
    public async Task Wishes_For_A_Tag_Are_Carried_Out_In_Order_And_A_Later_Release_Overtakes_Them()
    {
        await PublishTagAsync("v1.0.0", 1);
        await PublishTagAsync("v2.0.0", 2);
        await PublishTagAsync("v3.0.0", 3);
        await WishAsync("v1.0.0");
        var later = await WishAsync("v2.0.0");

        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Put>().Version.ShouldBe("1.0.0");
        await PublishTagAsync("v4.0.0", 4);
        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Overtaken>();

        (await ReadChangeAsync(later.Id)).Status.ShouldBe(TagChangeStatus.Overtaken);
        (await History.Queries.TagOwnerAsync(Latest, Token)).ShouldNotBeNull().Version.ShouldBe("4.0.0");
    }

    [Fact]
    public async Task A_Retracted_Version_Leaves_Its_Floating_Tags_And_Never_Takes_One_Again()
    {
        var first = await PublishTagAsync("v1.0.0", 1);
        var second = await PublishTagAsync("v2.0.0", 2);

        var changes = (await RetractAsync(second)).ShouldBeOfType<WishResult.Accepted>().Changes;
        changes.ShouldHaveSingleItem().Kind.ShouldBe(TagChangeKind.Settle);
        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Put>().Version.ShouldBe("1.0.0");

        await ShouldPointToAsync(DigestOf(1), first, "1.0.0");
        (await ReadAsync(second)).RetractedReason.ShouldBe("a secret is in it");
        (await MoveAsync(Latest, "v2.0.0")).ShouldBeOfType<WishResult.IsRetracted>().By.ShouldBe("ops");
        (await RetractAsync(second)).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldBeEmpty();
        (await VerdictOfAsync("v1.0.1", 3)).ShouldBeOfType<FloatingVerdict.Move>();
    }

    [Fact]
    public async Task A_Wish_For_A_Version_That_Was_Retracted_Meanwhile_Is_Not_Carried_Out()
    {
        var first = await PublishTagAsync("v1.0.0", 1);
        var second = await PublishTagAsync("v2.0.0", 2);
        await WishAsync("v1.0.0");
        await RetractAsync(first);

        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Refuse>().Why.ShouldContain("v1.0.0 was retracted by ops meanwhile");

        await ShouldPointToAsync(DigestOf(2), second, "2.0.0");
    }

    [Fact]
    public async Task A_Version_That_Is_Retracted_While_It_Is_Pushed_Moves_No_Floating_Tag()
    {
        await PublishTagAsync("v1.0.0", 1);
        var id = await QueueTagAsync(7, "v2.0.0", 2);
        var run = await ClaimRunAsync();

        await RetractAsync(id);

        var latest = run.Release.Images.Single(image => image.Tag == "latest");
        (await History.Tags.DecideAsync(run, latest, Version("2.0.0"), ["v1.0.0", "v2.0.0"], Token))
            .ShouldBeOfType<FloatingVerdict.Keep>().Code.ShouldBe(ReasonCode.Retracted);
    }

    [Fact]
    public async Task Where_Nothing_Is_Left_In_The_Scope_The_Tag_Stays_And_Says_Why()
    {
        var only = await PublishTagAsync("v1.0.0", 1);
        await RetractAsync(only);

        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Keep>().Why.ShouldContain("no other stable version");

        (await History.Queries.MovesAsync(Latest, 1, Token)).ShouldHaveSingleItem().Verdict.ShouldBe(TagVerdict.Kept);
    }

    [Fact]
    public async Task A_Strays_Retraction_Lets_A_Held_Back_Tag_Catch_Up_But_Not_Against_An_Operator()
    {
        await PublishTagAsync("v1.0.0", 1);
        (await VerdictOfAsync("v1.1.0", 2, "v9.9.9")).ShouldBeOfType<FloatingVerdict.Keep>();
        await PublishTagAsync("v1.2.0", 3, "v9.9.9");

        (await RetractAsync("v9.9.9")).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldHaveSingleItem();
        (await CarryOutAsync("v9.9.9")).ShouldBeOfType<ChangeDecision.Put>().Version.ShouldBe("1.2.0");
        (await RetractAsync("v9.9.9")).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldBeEmpty();

        await WishAsync("v1.0.0");
        await CarryOutAsync();
        await RetractAsync("8.8.8");
        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Keep>().Why.ShouldContain("operator");
    }

    [Fact]
    public async Task A_Name_That_Was_Only_Reserved_Hides_No_Stray_And_The_Stray_Can_Be_Retracted()
    {
        await PublishTagAsync("v1.0.0", 1);
        await FailAfterReservingAsync("v9.9.9", 9, hasBegun: false);

        (await VerdictOfAsync("v1.1.0", 2, "v9.9.9")).ShouldBeOfType<FloatingVerdict.Keep>().Code.ShouldBe(ReasonCode.NotNewest);
        (await RetractAsync("v9.9.9")).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldHaveSingleItem();
        (await CarryOutAsync("v9.9.9")).ShouldBeOfType<ChangeDecision.Put>().Version.ShouldBe("1.1.0");
        (await VerdictOfAsync("v1.2.0", 3, "v9.9.9")).ShouldBeOfType<FloatingVerdict.Move>();
    }

    [Fact]
    public async Task A_Name_To_Which_A_Push_Of_A_Failed_Release_Began_Does_Not_Count()
    {
        await PublishTagAsync("v1.0.0", 1);
        var failed = await FailAfterReservingAsync("v9.9.9", 9, hasBegun: true);

        (await VerdictOfAsync("v1.1.0", 2, "v9.9.9")).ShouldBeOfType<FloatingVerdict.Move>();
        (await RetractAsync("v9.9.9")).ShouldBeOfType<WishResult.OfRelease>().ReleaseId.ShouldBe(failed);
    }

    [Fact]
    public async Task A_Release_That_Never_Owned_The_Tag_Retracts_Nothing_Of_The_Owners()
    {
        var owner = await PublishTagAsync("v1.0.0", 1);
        var refused = await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(2));
        var job = await ClaimVerificationAsync();
        (await History.Verification.QueueAsync(job, Verified(job, null), Token)).ShouldNotBeNull().Code.ShouldBe(ReasonCode.VersionExists);

        (await RetractAsync(refused)).ShouldBe(new WishResult.NothingToRetract(Repository.WithTag("v1.0.0"), owner));

        (await ReadAsync(refused)).RetractedAt.ShouldBeNull();
        (await MoveAsync(Latest, "v1.0.0")).ShouldBeOfType<WishResult.Accepted>();
    }

    [Fact]
    public async Task A_Release_That_Failed_After_Its_Push_Began_Can_Be_Retracted()
    {
        await PublishTagAsync("v1.0.0", 1);
        var failed = await FailAfterReservingAsync("v9.9.9", 9, hasBegun: true);

        (await RetractAsync(failed)).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldHaveSingleItem();
        (await ReadAsync(failed)).RetractedAt.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_Tag_That_Is_Given_Back_To_Its_Owner_Is_Nobody_Elses_To_Take_Nor_Its_Owners_To_Replace()
    {
        await PublishTagAsync("v1.0.0", 1);
        var image = Repository.WithTag("v1.0.0");
        (await History.Handovers.GiveAsync(image, 7, GitRef.Tag("v1.0.0"), "ops", "to itself", Token)).ShouldBe(HandoverOutcome.AlreadyTheirs);
        (await History.Handovers.GiveAsync(image, 7, GitRef.Tag("v1.0.0_a"), "ops", "a slip", Token)).ShouldBe(HandoverOutcome.Done);

        (await History.Handovers.GiveAsync(image, 7, GitRef.Tag("v1.0.0"), "ops", "back", Token)).ShouldBe(HandoverOutcome.Done);

        (await History.Tags.StandingAsync(image, Token)).ShouldNotBeNull().HandedTo.ShouldBeNull();
        (await History.Handovers.OfAsync(image, 10, Token)).Count.ShouldBe(2);
    }

    private async Task<Guid> FailAfterReservingAsync(string tag, int target, bool hasBegun)
    {
        await QueueTagAsync(7, tag, target);
        var run = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        if (hasBegun)
        {
            await History.Tags.BeginPushAsync(run, run.Release.Images.Single(image => image.Kind == ImageTagKind.Version), Token);
        }

        await FailAsync(run);
        return run.Release.Id;
    }

    [Theory]
    [InlineData("0.9.0")]
    [InlineData("9.9.9")]
    public async Task A_Tag_That_Has_To_Leave_A_Version_Goes_To_Ours_And_Never_To_What_The_Registry_Held_Besides(string stray)
    {
        var first = await PublishTagAsync("v1.0.0", 1);
        var second = await PublishTagAsync("v2.0.0", 2);
        await RetractAsync(second);

        (await CarryOutAsync("v1.0.0", "v1.5.0", "v2.0.0", stray)).ShouldBeOfType<ChangeDecision.Put>().Version.ShouldBe("1.0.0");

        await ShouldPointToAsync(DigestOf(1), first, "1.0.0");
        await RetractAsync(first);
        (await CarryOutAsync("v1.0.0", "v1.5.0", "v2.0.0", stray)).ShouldBeOfType<ChangeDecision.Keep>().Why.ShouldContain("no other stable version");
    }

    [Fact]
    public async Task A_Tag_On_Another_Version_Is_Not_Put_On_A_Strangers_Image_When_An_Older_One_Is_Retracted()
    {
        var old = await PublishTagAsync("v1.0.0", 1);
        var second = await PublishTagAsync("v2.0.0", 2);
        await RetractAsync(old);

        (await CarryOutAsync("v1.0.0", "v2.0.0", "v9.9.9")).ShouldBeOfType<ChangeDecision.Keep>().Why.ShouldContain("9.9.9 is in the registry");

        await ShouldPointToAsync(DigestOf(2), second, "2.0.0");
    }

    [Fact]
    public async Task A_Tag_That_A_Stranger_Holds_Back_Stays_When_The_Release_That_It_Was_Held_Back_From_Is_Retracted()
    {
        var first = await PublishTagAsync("v1.1.0", 1);
        var heldBack = await PublishTagAsync("v1.2.0", 2, "v2.0.0");
        await RetractAsync(heldBack);

        (await CarryOutAsync("v1.1.0", "v1.2.0", "v2.0.0")).ShouldBeOfType<ChangeDecision.Keep>();

        await ShouldPointToAsync(DigestOf(1), first, "1.1.0");
    }

    [Fact]
    public async Task Of_Two_Strays_The_Other_Goes_On_To_Hold_A_Tag_Back_And_Gets_Nothing()
    {
        var first = await PublishTagAsync("v1.0.0", 1);
        await PublishTagAsync("v1.1.0", 2, "v8.8.8", "v9.9.9");
        await RetractAsync("v9.9.9");
        (await CarryOutAsync("v8.8.8", "v9.9.9")).ShouldBeOfType<ChangeDecision.Keep>().Why.ShouldContain("8.8.8 is in the registry");
        await ShouldPointToAsync(DigestOf(1), first, "1.0.0");

        await RetractAsync("v8.8.8");
        (await CarryOutAsync("v8.8.8", "v9.9.9")).ShouldBeOfType<ChangeDecision.Put>().Version.ShouldBe("1.1.0");
    }

    [Fact]
    public async Task What_Can_Not_Be_Retracted_Is_Told_Apart()
    {
        var release = await PublishTagAsync("v1.0.0", 1);

        (await RetractAsync("v1.0.0")).ShouldBeOfType<WishResult.OfRelease>().ReleaseId.ShouldBe(release);
        (await RetractAsync("latest")).ShouldBeOfType<WishResult.NothingToRetract>();
        (await RetractAsync("nightly")).ShouldBeOfType<WishResult.NothingToRetract>();
        (await History.Wishes.RetractAsync(new ImageRepository(Host, "else/where").WithTag("v1.0.0"), "ops", "why", Token)).ShouldBeOfType<WishResult.Unknown>();
        (await RetractAsync(Guid.CreateVersion7(History.Time.GetUtcNow()))).ShouldBeOfType<WishResult.Unknown>();
    }

    [Fact]
    public async Task A_Wish_Is_Claimed_Once_And_A_Dead_Workers_Wish_Is_Taken_Over()
    {
        await PublishTagAsync("v1.0.0", 1);
        await PublishTagAsync("v2.0.0", 2);
        await WishAsync("v1.0.0");
        await using var neighbour = History.Neighbour();
        var dead = (await History.Changes.ClaimAsync(History.ShortLease, Token)).ShouldNotBeNull();
        (await History.Changes.TryLockAsync(dead, History.ShortLease, Token)).ShouldBeTrue();
        (await neighbour.Changes.ClaimAsync(History.Lease, Token)).ShouldBeNull();

        var heir = await History.UntilAsync(() => neighbour.Changes.ClaimAsync(History.Lease, Token));
        (await neighbour.Changes.TryLockAsync(heir, History.Lease, Token)).ShouldBeTrue();

        // The dead worker had put it already, and is only slow to write it down.
        await Should.ThrowAsync<FencedOffException>(History.Changes.FinishAsync(dead, new ChangeDecision.Refuse("late"), null, null, Token));
        var put = (await neighbour.Changes.DecideAsync(heir, DigestOf(1), [], Token)).ShouldBeOfType<ChangeDecision.Put>();
        await neighbour.Changes.FinishAsync(heir, put, DigestOf(1), DigestOf(1), Token);
        await neighbour.Changes.UnlockAsync(heir, Token);
        (await History.Queries.TagOwnerAsync(Latest, Token)).ShouldNotBeNull().Version.ShouldBe("1.0.0");
        (await neighbour.Changes.ClaimAsync(History.Lease, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Wish_That_Is_Handed_Back_Is_Anothers_At_Once_With_Its_Tag()
    {
        await PublishTagAsync("v1.0.0", 1);
        await PublishTagAsync("v2.0.0", 2);
        await WishAsync("v1.0.0");
        var stopping = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (await History.Changes.TryLockAsync(stopping, History.Lease, Token)).ShouldBeTrue();

        await History.Changes.HandBackAsync(stopping, Token);

        await using var neighbour = History.Neighbour();
        var heir = (await neighbour.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (heir.Change.Id, heir.Change.Tries).ShouldBe((stopping.Change.Id, 0));
        (await neighbour.Changes.TryLockAsync(heir, History.Lease, Token)).ShouldBeTrue();
        // What comes too late takes nothing from the heir.
        await History.Changes.HandBackAsync(stopping, Token);
        (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldBeNull();
        await Should.ThrowAsync<FencedOffException>(History.Changes.PutOffAsync(stopping, TimeSpan.Zero, "late", Token));
    }

    [Fact]
    public async Task What_A_Killed_Worker_Put_Before_A_Retraction_Is_Written_Down_And_Taken_Off()
    {
        var first = await PublishTagAsync("v1.0.0", 1);
        var second = await PublishTagAsync("v2.0.0", 2);
        await WishAsync("v1.0.0");
        // It is put, and the worker is killed before it can say so.
        await RetractAsync(first);

        (await CarryOutAsync(found: DigestOf(1))).ShouldBeOfType<ChangeDecision.Put>();
        await ShouldPointToAsync(DigestOf(1), first, "1.0.0");

        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Put>().Digest.ShouldBe(DigestOf(2));
        await ShouldPointToAsync(DigestOf(2), second, "2.0.0");
    }

    [Fact]
    public async Task What_A_Worker_Put_Without_Writing_It_Down_Stays_Known_When_Nothing_Is_Left_To_Put()
    {
        var first = await PublishTagAsync("v1.0.0", 1);
        await RetractAsync(await PublishTagAsync("v2.0.0", 2));
        var stopped = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        var put = (await History.Changes.DecideAsync(stopped, DigestOf(2), [], Token)).ShouldBeOfType<ChangeDecision.Put>();
        await History.Changes.IntendAsync(stopped, put, Token);
        await History.Changes.HandBackAsync(stopped, Token);
        await RetractAsync(first);

        (await CarryOutAsync(found: DigestOf(1))).ShouldBeOfType<ChangeDecision.Put>().Digest.ShouldBe(DigestOf(1));

        await ShouldPointToAsync(DigestOf(1), first, "1.0.0");
        (await CarryOutAsync(found: DigestOf(1))).ShouldBeOfType<ChangeDecision.Keep>();
    }

    [Fact]
    public async Task A_Wish_And_A_Release_Never_Hold_A_Tag_Together()
    {
        await PublishTagAsync("v1.0.0", 1);
        await WishAsync("v1.0.0");
        await QueueTagAsync(7, "v2.0.0", 2);
        var run = await ClaimRunAsync();
        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();

        (await History.Tags.TryLockAsync(run, Latest, History.Lease, Token)).ShouldBeTrue();
        (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeFalse();
        await History.Tags.UnlockAsync(run, Latest, Token);
        (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeTrue();
        (await History.Tags.TryLockAsync(run, Latest, History.Lease, Token)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_Wish_That_Is_Put_Off_Holds_Back_Later_Ones_For_The_Same_Tag_Alone()
    {
        var first = await PublishTagAsync("v1.0.0", 1);
        await PublishTagAsync("v2.0.0", 2);
        var wish = await WishAsync("v1.0.0");
        await History.Changes.PutOffAsync((await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull(), TimeSpan.FromHours(1), "away", Token);
        await RetractAsync(first);

        (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldBeNull();
        (await ReadChangeAsync(wish.Id)).Outcome.ShouldBe("away");
    }

    private static Digest DigestOf(int target) => Digest.Of(System.Text.Encoding.UTF8.GetBytes(Object(target).Value));

    private static SemanticVersion Version(string text) => SemanticVersion.TryParse(text, out var version) ? version : throw new ArgumentException(text);

    private Task<WishResult> MoveAsync(ImageRef image, string to) => History.Wishes.MoveAsync(image, to, "ops", "2.0.0 eats carts", Token);

    private Task<WishResult> RetractAsync(Guid release) => History.Wishes.RetractAsync(release, "ops", "a secret is in it", Token);

    private Task<WishResult> RetractAsync(string tag) => History.Wishes.RetractAsync(Repository.WithTag(tag), "ops", "not ours", Token);

    private async Task<TagChange> WishAsync(string to) => (await MoveAsync(Latest, to)).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldHaveSingleItem();

    private async Task<TagChange> ReadChangeAsync(Guid id) => (await History.RowsAsync<TagChange>()).Single(change => change.Id == id);

    private async Task ShouldPointToAsync(Digest digest, Guid release, string version)
    {
        var owner = (await History.Queries.TagOwnerAsync(Latest, Token)).ShouldNotBeNull();
        (owner.Digest, owner.ReleaseId, owner.Version, owner.IsPublished).ShouldBe((digest.Value, release, version, true));
    }

    /// <summary>Publishes a tag; its floating tag moves if it may.</summary>
    private async Task<Guid> PublishTagAsync(string tag, int target, params string[] listed)
    {
        var id = await QueueTagAsync(7, tag, target);
        await PublishWithVerdictAsync(await ClaimRunAsync(), listed);
        return id;
    }

    private async Task<FloatingVerdict> VerdictOfAsync(string tag, int target, params string[] listed)
    {
        await QueueTagAsync(7, tag, target);
        return await PublishWithVerdictAsync(await ClaimRunAsync(), listed);
    }

    private async Task<FloatingVerdict> PublishWithVerdictAsync(ClaimedRun run, string[] listed)
    {
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        var digest = DigestOf(run);
        var version = run.Release.Images[0];
        await History.Tags.RecordMoveAsync(run, version, null, digest, TagVerdict.Created, "first", Token);
        var latest = run.Release.Images.Single(image => image.Tag == "latest");
        var owner = await History.Queries.TagOwnerAsync(Latest, Token);
        var current = owner?.Digest is { } text ? Digest.Parse(text) : null;
        var verdict = await History.Tags.DecideAsync(run, latest, Version(run.Release.Version!), listed, Token);
        var (to, recorded) = verdict is FloatingVerdict.Move ? (digest, TagVerdict.Moved) : (current, TagVerdict.Kept);
        await History.Tags.RecordMoveAsync(run, latest, current, to, recorded, verdict.Why, Token);
        await History.Ledger.FinishAsync(run, ReleaseStatus.Published, null, [], Token);
        return verdict;
    }

    /// <summary>Carries the one wish out that is due, as a worker does on a registry that holds what the history says.</summary>
    private Task<ChangeDecision> CarryOutAsync(params string[] listed) => CarryOutAsync(null, listed);

    /// <param name="found">What the registry says that the tag points to; null for what history has.</param>
    private async Task<ChangeDecision> CarryOutAsync(Digest? found, params string[] listed)
    {
        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeTrue();
        var owner = await History.Queries.TagOwnerAsync(claimed.Change.Image, Token);
        var current = found ?? (owner?.Digest is { } text ? Digest.Parse(text) : null);
        var decision = await History.Changes.DecideAsync(claimed, current, listed, Token);
        var to = decision is ChangeDecision.Put put ? put.Digest : current;
        await History.Changes.FinishAsync(claimed, decision, current, to, Token);
        await History.Changes.UnlockAsync(claimed, Token);
        return decision;
    }
}

public sealed class TagWishOnSqlite() : TagWishTests(new SqliteDatabases());

public sealed class TagWishOnPostgres(PostgresServer server) : TagWishTests(new PostgresDatabases(server));
