using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>What registries say of published version tags, and whose names may be taken by whom.</summary>
public abstract class DriftTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly ImageRef V1 = new(new ImageRepository(Host, "acme/app-7"), "v1.0.0");

    [Fact]
    public async Task A_Published_Version_Is_Checked_Once_It_Is_Due_And_Its_Drift_Is_News_Once()
    {
        var check = await PublishAndClaimAsync();
        (await History.Drift.ClaimAsync(10, Token)).ShouldBeEmpty();
        var seen = Digest.Of("a stranger's"u8);

        (await History.Drift.DriftAsync(check, seen, isRestored: true, "somebody pushed past us", TellAll, Token)).ShouldBeTrue();
        (await History.Drift.DriftAsync(check, seen, isRestored: true, "somebody pushed past us", TellAll, Token)).ShouldBeFalse();

        var owner = (await History.Queries.TagOwnerAsync(V1, Token)).ShouldNotBeNull();
        (owner.DriftDigest, owner.Digest).ShouldBe((seen.Value, check.Digest.Value));
        (await History.RowsAsync<TagChange>()).ShouldHaveSingleItem().Kind.ShouldBe(TagChangeKind.Restore);
        (await History.RowsAsync<OutboxMessage>()).Count(message => message.Drift is not null).ShouldBe(1);
        (await History.Queries.MovesAsync(V1, 1, Token)).ShouldHaveSingleItem().Verdict.ShouldBe(TagVerdict.Drifted);
    }

    [Fact]
    public async Task A_Tag_That_Drifted_Is_Put_Back_And_Is_Well_Again()
    {
        var check = await PublishAndClaimAsync();
        await History.Drift.DriftAsync(check, null, isRestored: true, "it is gone", [], Token);
        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();

        (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeTrue();
        var put = (await History.Changes.DecideAsync(claimed, null, [], Token)).ShouldBeOfType<ChangeDecision.Put>();
        await History.Changes.FinishAsync(claimed, put, null, check.Digest, Token);

        (await History.Queries.TagOwnerAsync(V1, Token)).ShouldNotBeNull().DriftAt.ShouldBeNull();
        (await History.Queries.MovesAsync(V1, 1, Token)).ShouldHaveSingleItem().Verdict.ShouldBe(TagVerdict.Restored);
    }

    [Fact]
    public async Task A_Drift_That_Was_Found_Before_It_Was_To_Be_Put_Back_Is_Put_Back_And_Told_Once()
    {
        var check = await PublishAndClaimAsync();
        (await History.Drift.DriftAsync(check, null, isRestored: false, "it is gone", TellAll, Token)).ShouldBeTrue();
        (await History.RowsAsync<TagChange>()).ShouldBeEmpty();
        (await History.Drift.ClaimAsync(10, Token)).ShouldBeEmpty();

        // RestoreVersions was set, and the worker started again.
        (await History.Drift.HastenAsync(Token)).ShouldBe(1);
        (await History.Drift.ClaimAsync(10, Token)).ShouldHaveSingleItem().ShouldBe(check);
        (await History.Drift.DriftAsync(check, null, isRestored: true, "it is gone", TellAll, Token)).ShouldBeFalse();
        (await History.Drift.DriftAsync(check, null, isRestored: true, "it is gone", TellAll, Token)).ShouldBeFalse();

        (await History.RowsAsync<TagChange>()).ShouldHaveSingleItem().Kind.ShouldBe(TagChangeKind.Restore);
        (await DriftsAsync()).ShouldHaveSingleItem().MoreDrift.ShouldBe(0);
        (await History.Queries.MovesAsync(V1, 2, Token)).Count(move => move.Verdict == TagVerdict.Drifted).ShouldBe(1);
    }

    [Theory]
    [InlineData(ImageTagKind.Version)]
    [InlineData(ImageTagKind.Floating)]
    public async Task What_The_Registry_Refused_To_Put_Back_Is_Tried_Again_At_Later_Looks(ImageTagKind kind)
    {
        var check = await PublishAndClaimAsync(kind);
        var seen = Digest.Of("a straggler's"u8);
        (await History.Drift.DriftAsync(check, seen, isRestored: true, "it came late", TellAll, Token)).ShouldBeTrue();
        await RefuseAsync();

        // A refused put stays open, for which the tag is looked at each minute: the tries are rarer.
        await AgeAsync(found: TimeSpan.FromMinutes(4), tried: TimeSpan.FromMinutes(4));
        await LookAgainAsync(wishes: 1);
        (await NextAsync()).ShouldBeLessThan(TimeSpan.FromMinutes(2));
        await AgeAsync(found: TimeSpan.FromMinutes(6), tried: TimeSpan.FromMinutes(6));
        await LookAgainAsync(wishes: 2);
        (await RefuseAsync()).ShouldBe("it came late");

        // After half a day they are an hour apart, and after a month three days: each is a row for ever.
        await AgeAsync(found: TimeSpan.FromHours(13), tried: TimeSpan.FromMinutes(50));
        await LookAgainAsync(wishes: 2);
        await AgeAsync(found: TimeSpan.FromHours(13), tried: TimeSpan.FromMinutes(75));
        await LookAgainAsync(wishes: 3);
        await RefuseAsync();
        await AgeAsync(found: TimeSpan.FromDays(30), tried: TimeSpan.FromDays(2));
        await LookAgainAsync(wishes: 3);
        await AgeAsync(found: TimeSpan.FromDays(30), tried: TimeSpan.FromDays(3));
        await LookAgainAsync(wishes: 4);
        (await DriftsAsync()).ShouldHaveSingleItem().MoreDrift.ShouldBe(0);

        // Of a floating tag the evidence is used up by then: what is found looks like somebody else's.
        async Task LookAgainAsync(int wishes)
        {
            (await History.Drift.DriftAsync(
                check, seen, isRestored: kind == ImageTagKind.Version, kind == ImageTagKind.Version ? "it came late" : "somebody's", TellAll, Token)).ShouldBeFalse();
            (await History.RowsAsync<TagChange>()).Count.ShouldBe(wishes);
        }

        async Task<TimeSpan> NextAsync() =>
            (await History.Queries.TagOwnerAsync(check.Image, Token)).ShouldNotBeNull().NextCheckAt.ShouldNotBeNull() - History.Time.GetUtcNow();

        async Task<string> RefuseAsync()
        {
            var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
            (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeTrue();
            var put = (await History.Changes.DecideAsync(claimed, seen, [], Token)).ShouldBeOfType<ChangeDecision.Put>();
            await History.Changes.IntendAsync(claimed, put, Token);
            await History.Changes.FinishAsync(claimed, new ChangeDecision.Refuse("403"), null, null, Token);
            await History.Changes.UnlockAsync(claimed, Token);
            return claimed.Change.Reason;
        }

        async Task AgeAsync(TimeSpan found, TimeSpan tried)
        {
            var now = History.Time.GetUtcNow();
            await History.Database.WriteAsync(
                async (context, token) =>
                    await context.TagChanges.ExecuteUpdateAsync(row => row.SetProperty(change => change.CreatedAt, now - tried), token)
                    + await context.TagOwners.Where(owner => owner.DriftAt != null)
                        .ExecuteUpdateAsync(row => row.SetProperty(owner => owner.DriftAt, (DateTimeOffset?)(now - found)), token),
                Token);
        }
    }

    [Fact]
    public async Task A_Drift_That_Is_To_Be_Put_Right_Is_Looked_At_Soon_However_Old_The_Tag_Is()
    {
        var check = await PublishAndClaimAsync();
        await History.Database.WriteAsync(
            (context, token) => context.TagOwners.ExecuteUpdateAsync(
                row => row.SetProperty(owner => owner.UpdatedAt, History.Time.GetUtcNow() - TimeSpan.FromDays(100)), token),
            Token);

        await History.Drift.DriftAsync(check, null, isRestored: true, "it is gone", [], Token);

        var owner = (await History.Queries.TagOwnerAsync(V1, Token)).ShouldNotBeNull();
        (owner.NextCheckAt - owner.DriftAt).ShouldBe(TimeSpan.FromMinutes(5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_Floating_Tag_Is_Checked_Though_The_Release_That_Moved_It_Waits_Or_Failed(bool fails)
    {
        await PublishAndClaimAsync();
        await QueueTagAsync(7, "v2.0.0", 2);
        var run = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        await History.Ledger.StartStageAsync(run, StageName.Tags, ReleaseStatus.Pushing, Token);
        foreach (var image in run.Release.Images)
        {
            await History.Tags.RecordMoveAsync(run, image, null, DigestOf(run), TagVerdict.Moved, "the highest", Token);
        }

        await (fails ? FailAsync(run) : History.Ledger.ParkAsync(run, new Reason(ReasonCode.RegistryUnavailable, "It is away."), TimeSpan.FromHours(1), Token));

        var due = await MakeDueAsync();
        due.ShouldNotContain(check => check.Image.Tag == "v2.0.0", "nobody may rely on a version that is not published");
        var check = due.Single(check => check.Kind == ImageTagKind.Floating);
        (check.Digest, check.ReleaseId).ShouldBe((DigestOf(run), run.Release.Id));
        (await History.Drift.DriftAsync(check, null, isRestored: false, "it is gone", TellAll, Token)).ShouldBeTrue();
        await History.Drift.AgreeAsync(check, Token);

        // A straggler's put of it is put back on where it stood.
        var late = Digest.Of("late"u8);
        (await History.Drift.DriftAsync(check, late, isRestored: true, "it came late", [], Token)).ShouldBeTrue();
        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (await History.Changes.DecideAsync(claimed, late, [], Token)).ShouldBeOfType<ChangeDecision.Put>().Digest.ShouldBe(check.Digest);
    }

    [Fact]
    public async Task A_Tag_That_Was_Once_Settled_On_A_Stray_Is_Checked_And_Told()
    {
        var published = await PublishAndClaimAsync(ImageTagKind.Floating);
        (await History.Wishes.RetractAsync(published.ReleaseId.ShouldNotBeNull(), "ops", "it is bad", Token)).ShouldBeOfType<WishResult.Accepted>();
        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeTrue();
        var stray = Digest.Of("a stray"u8);
        await History.Changes.FinishAsync(claimed, new ChangeDecision.Put(stray, null, "0.9.0", "it was the highest that was left"), published.Digest, stray, Token);
        await History.Changes.UnlockAsync(claimed, Token);

        var check = (await MakeDueAsync()).Single(check => check.Kind == ImageTagKind.Floating);
        (check.Digest, check.ReleaseId, check.ProjectPath).ShouldBe((stray, null, "acme/app-7"));
        (await History.Drift.DriftAsync(check, null, isRestored: false, "it is gone", TellAll, Token)).ShouldBeTrue();

        (await DriftsAsync()).ShouldHaveSingleItem().ReleaseId.ShouldBe(published.ReleaseId.Value);
    }

    [Fact]
    public async Task A_Branch_Tag_Is_Checked_As_Well()
    {
        await AcceptAsync(7, GitRef.Branch("main"), Object(1));
        var job = await ClaimVerificationAsync();
        (await History.Verification.QueueAsync(job, Verified(job, tags: ["{branch}"]), Token)).ShouldBeNull();
        await PublishAsync(await ClaimRunAsync());

        var check = (await MakeDueAsync()).ShouldHaveSingleItem();

        check.Kind.ShouldBe(ImageTagKind.Branch);
        (await History.Drift.DriftAsync(check, null, isRestored: false, "it is gone", TellAll, Token)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_Branch_Tag_Is_Left_Alone_While_A_Release_Of_The_Branch_Is_Under_Way()
    {
        await QueueBranchAsync(1);
        await PublishAsync(await ClaimRunAsync());
        var check = (await MakeDueAsync()).ShouldHaveSingleItem();
        await QueueBranchAsync(2);
        var next = await ClaimRunAsync();

        (await History.Drift.DriftAsync(check, Digest.Of("put by one that was superseded"u8), isRestored: false, "somebody's", TellAll, Token)).ShouldBeFalse();
        await FailAsync(next);
        (await History.Drift.DriftAsync(check, Digest.Of("put by one that was superseded"u8), isRestored: false, "somebody's", TellAll, Token)).ShouldBeTrue();

        async Task QueueBranchAsync(int target)
        {
            await AcceptAsync(7, GitRef.Branch("main"), Object(target));
            var job = await ClaimVerificationAsync();
            (await History.Verification.QueueAsync(job, Verified(job, tags: ["{branch}"]), Token)).ShouldBeNull();
        }
    }

    [Fact]
    public async Task A_Name_That_Was_Taken_And_Never_Put_Is_Neither_Published_Nor_Looked_At()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        // An earlier attempt took it at a registry that the rule names no more.
        await History.Database.WriteAsync(
            (context, token) =>
            {
                context.TagOwners.Add(new TagOwner { Host = "gone.example", Repository = "app", Tag = "v1.0.0", ProjectId = 7, Ref = "refs/tags/v1.0.0", ReleaseId = run.Release.Id });
                context.RepositoryOwners.Add(new RepositoryOwner { Host = "gone.example", Repository = "app", ProjectId = 7, ReleaseId = run.Release.Id });
                return context.SaveChangesAsync(token);
            },
            Token);

        await PublishAsync(run);

        (await MakeDueAsync()).ShouldAllBe(check => check.Image.Repository.Host == Host);
        (await History.RowsAsync<RepositoryOwner>()).Where(owner => owner.IsPublished).ShouldHaveSingleItem().Host.ShouldBe(Host);
        // One that an older ReleaseBot had published so holds up nobody.
        await History.Database.WriteAsync(
            (context, token) => context.TagOwners.ExecuteUpdateAsync(
                owner => owner.SetProperty(row => row.IsPublished, true).SetProperty(row => row.NextCheckAt, DateTimeOffset.UnixEpoch), token),
            Token);
        (await History.Drift.ClaimAsync(1000, Token)).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_Straggler_Of_Ours_Is_Known_By_What_It_Built()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.RecordBuiltAsync(run, "sha256:" + new string('a', 64), Token);
        await PublishAsync(run);
        var pushed = Digest.Of("pushed by an attempt that was thought dead"u8);

        (await History.Drift.IsOursAsync(V1, pushed, "sha256:" + new string('a', 64), Token)).ShouldBeTrue();
        (await History.Drift.IsOursAsync(V1, pushed, "sha256:" + new string('b', 64), Token)).ShouldBeFalse();
        (await History.Drift.IsOursAsync(V1.Repository.WithTag("v2.0.0"), pushed, "sha256:" + new string('a', 64), Token)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_Tag_That_Is_Handed_Over_May_Be_Taken_By_Its_Heir_Alone()
    {
        await QueueTagAsync(7, "v1.0.0+a", 1);
        await PublishAsync(await ClaimRunAsync());
        var image = V1.Repository.WithTag("v1.0.0_a");
        (await History.Handovers.GiveAsync(image, 7, GitRef.Tag("v1.0.0_a"), "ops", "it was a slip", Token)).ShouldBe(HandoverOutcome.Done);

        await QueueTagAsync(7, "v1.0.0_a", 2);
        await PublishAsync(await ClaimRunAsync());

        var standing = (await History.Tags.StandingAsync(image, Token)).ShouldNotBeNull();
        (standing.Ref, standing.HandedTo, standing.IsPublished).ShouldBe(("refs/tags/v1.0.0_a", null, true));
        var handover = (await History.Handovers.OfAsync(image, 10, Token)).ShouldHaveSingleItem();
        (handover.FromRef, handover.ToRef, handover.By, handover.Reason).ShouldBe(("refs/tags/v1.0.0+a", "refs/tags/v1.0.0_a", "ops", "it was a slip"));
    }

    [Fact]
    public async Task A_Floating_Tag_That_Somebody_Moved_Is_Told_And_Left_Alone_While_It_Is_Being_Moved()
    {
        var check = await PublishAndClaimAsync(ImageTagKind.Floating);
        var seen = Digest.Of("a stranger's"u8);
        await QueueTagAsync(7, "v2.0.0", 2);
        var run = await ClaimRunAsync();
        await History.Ledger.StartStageAsync(run, StageName.Push, ReleaseStatus.Pushing, Token);
        (await History.Drift.DriftAsync(check, seen, isRestored: false, "perhaps the next release", TellAll, Token)).ShouldBeFalse();
        await History.Ledger.FinishAsync(run, ReleaseStatus.Failed, new Reason(ReasonCode.PushFailed, "It broke."), [], Token);

        (await History.Drift.DriftAsync(check, seen, isRestored: false, "somebody pushed past us", TellAll, Token)).ShouldBeTrue();

        (await History.Queries.TagOwnerAsync(check.Image, Token)).ShouldNotBeNull().DriftDigest.ShouldBe(seen.Value);
        (await History.RowsAsync<TagChange>()).ShouldBeEmpty();
        (await History.RowsAsync<OutboxMessage>()).Count(message => message.Drift is not null).ShouldBe(1);
    }

    [Fact]
    public async Task A_Put_That_A_Dead_Worker_Left_Open_Is_Evidence_Once_And_For_A_Day()
    {
        var check = await PublishAndClaimAsync(ImageTagKind.Floating);
        await QueueTagAsync(7, "v2.0.0", 2);
        var dead = await ClaimRunAsync();
        var (late, next) = (Digest.Of("late"u8), dead.Release.Images.Single(image => image.Kind == ImageTagKind.Floating));
        await History.Tags.OpenPutAsync(dead, next, late, Token);
        await History.Tags.OpenPutAsync(dead, next, Digest.Of("another"u8), Token);
        await History.Ledger.StartStageAsync(dead, StageName.Tags, ReleaseStatus.Pushing, Token);
        // As long as the release may be taken over and write it down, it is no straggler's.
        (await History.Drift.DriftAsync(check, late, isRestored: true, "it came late", [], Token)).ShouldBeFalse();
        (await History.Queries.TagOwnerAsync(check.Image, Token)).ShouldNotBeNull().NextCheckAt.ShouldNotBeNull()
            .ShouldBeLessThan(History.Time.GetUtcNow() + TimeSpan.FromMinutes(2));
        await FailAsync(dead);

        (await History.Drift.IsLatePutAsync(check.Image, late, Token)).ShouldBeTrue();
        (await History.Drift.IsLatePutAsync(check.Image, check.Digest, Token)).ShouldBeFalse();
        (await History.Drift.IsLatePutAsync(check.Image.Repository.WithTag("1"), late, Token)).ShouldBeFalse();
        // Another release has the same tag before it, and waits for another registry.
        await QueueTagAsync(7, "v3.0.0", 3);
        var waiting = await ClaimRunAsync();
        await History.Ledger.ParkAsync(waiting, new Reason(ReasonCode.RegistryUnavailable, "It is away."), TimeSpan.FromHours(1), Token);
        (await History.Drift.DriftAsync(check, late, isRestored: true, "it came late", [], Token)).ShouldBeTrue();

        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeTrue();
        (await History.Changes.DecideAsync(claimed, Digest.Of("a stranger's, since"u8), [], Token)).ShouldBeOfType<ChangeDecision.Overtaken>();
        var put = (await History.Changes.DecideAsync(claimed, late, [], Token)).ShouldBeOfType<ChangeDecision.Put>();
        await History.Changes.IntendAsync(claimed, put, Token);
        (await History.RowsAsync<OpenPut>()).Count.ShouldBe(2);
        await History.Changes.FinishAsync(claimed, put, late, check.Digest, Token);

        (await History.Drift.IsLatePutAsync(check.Image, late, Token)).ShouldBeFalse();
        (await History.RowsAsync<OpenPut>()).ShouldHaveSingleItem().Digest.ShouldBe(Digest.Of("another"u8).Value);
        await History.Database.WriteAsync(
            (context, token) => context.OpenPuts.ExecuteUpdateAsync(row => row.SetProperty(p => p.OpenedAt, History.Time.GetUtcNow() - TimeSpan.FromHours(23)), token), Token);
        (await History.Housekeeping.SweepAsync(Token)).ShouldBe(0);
        await History.Database.WriteAsync(
            (context, token) => context.OpenPuts.ExecuteUpdateAsync(row => row.SetProperty(p => p.OpenedAt, History.Time.GetUtcNow() - TimeSpan.FromHours(25)), token), Token);
        (await History.Housekeeping.SweepAsync(Token)).ShouldBe(1);
    }

    [Fact]
    public async Task A_Put_Is_Accounted_For_By_Who_Made_It_Or_Found_It_There_And_Not_By_Another_Attempt()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = (await History.Runs.ClaimAsync("asleep", engine: null, History.ShortLease, Token)).ShouldNotBeNull();
        var latest = run.Release.Images.Single(image => image.Kind == ImageTagKind.Floating);
        await History.Tags.OpenPutAsync(run, latest, DigestOf(run), Token);
        run = await History.UntilAsync(() => History.Runs.ClaimAsync("second", engine: null, History.Lease, Token));
        await History.Tags.OpenPutAsync(run, latest, DigestOf(run), Token);

        await History.Tags.RecordMoveAsync(run, latest, null, DigestOf(run), TagVerdict.Created, "first", Token);
        (await History.RowsAsync<OpenPut>()).ShouldHaveSingleItem().Fence.ShouldBeLessThan(run.Fence);

        // Found where the earlier attempt was to put it: so that put has come to pass.
        await History.Tags.RecordMoveAsync(run, latest, DigestOf(run), DigestOf(run), TagVerdict.Moved, "again", Token);
        (await History.RowsAsync<OpenPut>()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Hundred_Tags_That_Are_Lost_At_Once_Are_One_Message_And_A_Later_Drift_Is_Another()
    {
        const int Tags = 100;
        await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        var job = await ClaimVerificationAsync();
        await History.Verification.QueueAsync(job, Verified(job, tags: [.. Enumerable.Range(0, Tags).Select(number => $"{{tag}}-{number}")]), Token);
        await PublishAsync(await ClaimRunAsync());
        var due = await MakeDueAsync();
        due.Count.ShouldBe(Tags);
        // The end of the same attempt, as a failure that was told: it is no drift, and hides none.
        await History.Database.WriteAsync(
            async (context, token) =>
            {
                context.OutboxMessages.Add(new OutboxMessage
                {
                    Id = Guid.CreateVersion7(History.Time.GetUtcNow()),
                    ReleaseId = job.ReleaseId,
                    Attempt = 1,
                    Channel = "team",
                    Outcome = Outcome.Failed,
                    DeliveredAt = History.Time.GetUtcNow(),
                });
                return await context.SaveChangesAsync(token);
            },
            Token);

        await using var neighbour = History.Neighbour();
        await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Token }, async (check, token) =>
            (await (check.Image.Tag.Length % 2 == 0 ? History : neighbour).Drift.DriftAsync(check, null, false, $"{check.Image} is gone", TellAll, token)).ShouldBeTrue());

        var message = (await DriftsAsync()).ShouldHaveSingleItem();
        message.MoreDrift.ShouldBe(Tags - 1);
        message.NextAt.ShouldBeGreaterThan(message.CreatedAt);
        await History.Database.WriteAsync(
            (context, token) => context.OutboxMessages.ExecuteUpdateAsync(row => row.SetProperty(m => m.NextAt, DateTimeOffset.UnixEpoch), token), Token);
        var told = (await History.Outbox.ClaimAsync(10, History.Lease, [], Token)).Single(news => news.Drift is not null);
        told.Drift.ShouldNotBeNull().ShouldEndWith($"{Tags - 1} more tags of this release were found changed in the same round.");
        await History.Outbox.DeliveredAsync(told.Id, Token);

        foreach (var (number, check) in due.Take(2).Index())
        {
            (await History.Drift.DriftAsync(check, null, false, "it is gone still", TellAll, Token)).ShouldBeFalse();
            (await History.Drift.DriftAsync(check, Digest.Of([(byte)number]), false, "now it is a stranger's", TellAll, Token)).ShouldBeTrue();
        }

        var later = (await DriftsAsync()).Single(row => row.DeliveredAt is null);
        (later.Drift, later.MoreDrift).ShouldBe(("now it is a stranger's", 1));
    }

    [Fact]
    public async Task What_A_Worker_Last_Saw_Is_Kept_And_A_Drift_That_Ends_By_Itself_Is_In_The_History()
    {
        var check = await PublishAndClaimAsync();
        var published = await SeenAsync();
        published.Digest.ShouldBe(check.Digest.Value);
        History.Tick();

        await History.Drift.DriftAsync(check, null, isRestored: false, "it is gone", [], Token);
        var gone = await SeenAsync();
        (gone.Digest, gone.At > published.At).ShouldBe((null, true));
        History.Tick();
        (await History.Drift.AgreeAsync(check, Token)).ShouldBeTrue();
        (await History.Drift.AgreeAsync(check, Token)).ShouldBeFalse();

        (await SeenAsync()).Digest.ShouldBe(check.Digest.Value);
        (await History.Queries.MovesAsync(V1, 3, Token)).Select(move => (move.Verdict, move.From, move.To)).ShouldBe(
            [(TagVerdict.Agreed, null, check.Digest.Value), (TagVerdict.Drifted, check.Digest.Value, null), (TagVerdict.Created, null, check.Digest.Value)]);
        (await History.Queries.StateAsync(V1, History.Time.GetUtcNow() + TimeSpan.FromMinutes(1), Token)).Drift.ShouldBeNull();

        async Task<RegistryLook> SeenAsync() => (await History.Tags.StandingAsync(V1, Token)).ShouldNotBeNull().Seen.ShouldNotBeNull();
    }

    private async Task<List<OutboxMessage>> DriftsAsync() => [.. (await History.RowsAsync<OutboxMessage>()).Where(message => message.Drift is not null)];

    private async Task<IReadOnlyList<DueCheck>> MakeDueAsync()
    {
        await History.Database.WriteAsync(
            (context, token) => context.TagOwners.Where(owner => owner.NextCheckAt != null).ExecuteUpdateAsync(
                owner => owner.SetProperty(row => row.NextCheckAt, DateTimeOffset.UnixEpoch), token),
            Token);
        return await History.Drift.ClaimAsync(1000, Token);
    }

    private async Task<DueCheck> PublishAndClaimAsync(ImageTagKind kind = ImageTagKind.Version)
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        (await History.Drift.ClaimAsync(10, Token)).ShouldBeEmpty();
        return (await MakeDueAsync()).Where(check => check.Kind == kind).ShouldHaveSingleItem();
    }
}

public sealed class DriftOnSqlite() : DriftTests(new SqliteDatabases());

public sealed class DriftOnPostgres(PostgresServer server) : DriftTests(new PostgresDatabases(server));
