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

        var put = (await History.Changes.DecideAsync(claimed, null, [], Token)).ShouldBeOfType<ChangeDecision.Put>();
        await History.Changes.FinishAsync(claimed, put, null, check.Digest, Token);

        (await History.Queries.TagOwnerAsync(V1, Token)).ShouldNotBeNull().DriftAt.ShouldBeNull();
        (await History.Queries.MovesAsync(V1, 1, Token)).ShouldHaveSingleItem().Verdict.ShouldBe(TagVerdict.Restored);
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

    private async Task<DueCheck> PublishAndClaimAsync(ImageTagKind kind = ImageTagKind.Version)
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        (await History.Drift.ClaimAsync(10, Token)).ShouldBeEmpty();
        await History.Database.WriteAsync(
            (context, token) => context.TagOwners.Where(owner => owner.NextCheckAt != null).ExecuteUpdateAsync(
                owner => owner.SetProperty(row => row.NextCheckAt, DateTimeOffset.UnixEpoch), token),
            Token);
        return (await History.Drift.ClaimAsync(10, Token)).Where(check => check.Kind == kind).ShouldHaveSingleItem();
    }
}

public sealed class DriftOnSqlite() : DriftTests(new SqliteDatabases());

public sealed class DriftOnPostgres(PostgresServer server) : DriftTests(new PostgresDatabases(server));
