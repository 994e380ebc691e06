using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>Who may have which name in a registry.</summary>
public abstract class ConflictTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly ImageRef V1 = new(new ImageRepository(Host, "acme/app-7"), "v1.0.0");

    [Fact]
    public async Task A_Repository_Belongs_To_The_Project_That_First_Published_There()
    {
        await QueueTagAsync(7, "v1.0.0", 1, "shared/app");
        await PublishAsync(await ClaimRunAsync());

        (await VerdictAsync(8, "v2.0.0", 2, "shared/app")).ShouldBe(ReasonCode.RepositoryTaken);
        (await VerdictAsync(7, "v2.0.0", 3, "shared/app")).ShouldBeNull();
    }

    [Fact]
    public async Task A_Repository_Where_Nothing_Was_Published_Is_Still_Free()
    {
        await QueueTagAsync(7, "v1.0.0", 1, "shared/app");
        var run = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        await FailAsync(run);

        await QueueTagAsync(8, "v1.0.0", 2, "shared/app");
        await PublishAsync(await ClaimRunAsync());

        (await VerdictAsync(7, "v2.0.0", 3, "shared/app")).ShouldBe(ReasonCode.RepositoryTaken);
    }

    [Fact]
    public async Task An_Image_Tag_Belongs_To_The_Ref_That_First_Published_It()
    {
        await QueueTagAsync(7, "v1.0.0+a", 1);
        var published = await ClaimRunAsync();
        await PublishAsync(published);

        (await VerdictAsync(7, "v1.0.0_a", 2)).ShouldBe(ReasonCode.TagTaken);

        var refused = (await History.RowsAsync<TagMove>()).Single(move => move.Verdict == TagVerdict.Refused);
        (refused.Tag, refused.By, refused.To).ShouldBe(("v1.0.0_a", "release", DigestOf(published).Value));
        refused.Reason.ShouldContain("belongs to refs/tags/v1.0.0+a");
        var images = (await ReadAsync(refused.ReleaseId.ShouldNotBeNull())).Images;
        images.Select(image => (image.Tag, image.Status, image.ReasonCode)).ShouldBe(
            [("v1.0.0_a", ImageStatus.Failed, ReasonCode.TagTaken), ("latest", ImageStatus.Pending, null)]);
    }

    [Fact]
    public async Task A_Name_That_A_Waiting_Release_Has_Put_Somewhere_Is_Not_Another_Refs_Until_That_Release_Has_Ended()
    {
        await QueueTagAsync(7, "v1.0.0+a", 1);
        var waiting = await ClaimRunAsync();
        await PushFirstAsync(waiting);
        await History.Ledger.ParkAsync(waiting, new Reason(ReasonCode.RegistryUnavailable, "Waiting for main."), TimeSpan.Zero, Token);

        (await VerdictAsync(7, "v1.0.0_a", 2)).ShouldBe(ReasonCode.TagTaken);

        await FailAsync(await ClaimRunAsync());
        (await VerdictAsync(7, "v1.0.0_a", 3)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Tag_Stays_Its_Projects_When_The_Repository_Is_Handed_Over()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        await History.Handovers.GiveAsync(V1.Repository, 8, "ops", "moved", Token);
        await AcceptAsync(8, GitRef.Tag("v1.0.0"), Object(2));
        var job = await ClaimVerificationAsync();

        var refused = (await History.Verification.QueueAsync(job, Verified(job, V1.Repository.Name, OverwritePolicy.Allow), Token)).ShouldNotBeNull();

        (refused.Code, refused.Message.Contains("refs/tags/v1.0.0 of project 7", StringComparison.Ordinal)).ShouldBe((ReasonCode.TagTaken, true), refused.Message);
        (await VerdictAsync(8, "v1.0.1", 3, V1.Repository.Name)).ShouldBeNull();
    }

    [Fact]
    public async Task What_Another_Release_Put_Under_A_Name_Is_Not_Published_By_The_One_That_Takes_It_Back()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var first = await ClaimRunAsync();
        await PushFirstAsync(first);
        await History.Ledger.ParkAsync(first, new Reason(ReasonCode.RegistryUnavailable, "Waiting for main."), TimeSpan.FromHours(1), Token);
        await QueueTagAsync(7, "v1.0.0", 2);
        var second = await ClaimRunAsync();
        await PushFirstAsync(second);
        await FailAsync(second);
        await History.Operations.CancelAsync(first.Release.Id, "ops", Token);
        (await VerdictAsync(7, "v1.0.0", 1)).ShouldBeNull();
        first = await ClaimRunAsync();

        (await History.Tags.ReserveAsync(first, OverwritePolicy.Refuse, Token)).ShouldBeNull();

        (await History.Tags.StandingAsync(V1, Token)).ShouldNotBeNull().Digest.ShouldBeNull();
        await History.Ledger.FinishAsync(first, ReleaseStatus.Published, null, [], Token);
        (await History.Tags.StandingAsync(V1, Token)).ShouldNotBeNull().IsPublished.ShouldBeFalse();
    }

    [Fact]
    public async Task A_Branch_That_Went_On_Ends_What_Waits_For_A_Registry_And_One_That_Came_Back_Leaves_It_To_The_Later_Release()
    {
        async Task<ClaimedRun> MoveBranchAsync(int target, int before)
        {
            await AcceptAsync(7, GitRef.Branch("main"), Object(target), Object(before));
            var job = await ClaimVerificationAsync();
            (await History.Verification.QueueAsync(job, Verified(job, tags: "{branch}"), Token)).ShouldBeNull();
            return await ClaimRunAsync();
        }

        var first = await MoveBranchAsync(1, 9);
        await PushFirstAsync(first);
        await History.Ledger.ParkAsync(first, new Reason(ReasonCode.RegistryUnavailable, "Waiting for main."), TimeSpan.FromHours(1), Token);

        var second = await MoveBranchAsync(2, 1);

        var passed = await ReadAsync(first.Release.Id);
        (passed.Status, passed.ReasonMessage).ShouldBe((ReleaseStatus.Superseded, "refs/heads/main went on to 00000000 while this waited."));
        await History.Ledger.FinishAsync(second, ReleaseStatus.Failed, new Reason(ReasonCode.BuildFailed, "exit code 1"), [], Token);
        var third = await MoveBranchAsync(1, 2);
        third.Release.Id.ShouldNotBe(first.Release.Id);
        (await History.Tags.FindNewerAsync(first, Token)).ShouldBeNull("it does not push yet");
        await History.Ledger.StartStageAsync(third, StageName.Push, ReleaseStatus.Pushing, Token);
        (await History.Tags.FindNewerAsync(first, Token)).ShouldBe(third.Release.Id);
        (await History.Tags.FindNewerAsync(second, Token)).ShouldBeNull("that is of another commit");
        (await History.Tags.FindNewerAsync(third, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Version_Of_Floating_Tags_Alone_Is_Published_From_The_Commit_Of_Its_Candidate()
    {
        foreach (var tag in new[] { "v1.0.0-rc.1", "v1.0.0" })
        {
            await AcceptAsync(7, GitRef.Tag(tag), Object(1));
            var job = await ClaimVerificationAsync();
            (await History.Verification.QueueAsync(job, Verified(job, tags: "latest"), Token)).ShouldBeNull();
            await PublishAsync(await ClaimRunAsync());
        }

        (await History.Queries.TagOwnerAsync(V1, Token)).ShouldNotBeNull().Kind.ShouldBe(ImageTagKind.Version);
    }

    [Fact]
    public async Task A_Version_That_Was_Published_Is_Not_Published_Again_From_Another_Commit()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var published = await ClaimRunAsync();
        await PublishAsync(published);

        (await VerdictAsync(7, "v1.0.0", 2)).ShouldBe(ReasonCode.VersionExists);

        var refused = (await History.RowsAsync<TagMove>()).Single(move => move.Verdict == TagVerdict.Refused);
        (refused.From, refused.To).ShouldBe((DigestOf(published).Value, DigestOf(published).Value), "it stays where it was");
    }

    [Fact]
    public async Task A_Refusal_Tells_What_The_Registry_Was_Seen_To_Hold()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        var (stranger, reason) = (Digest.Of("a stranger's"u8), new Reason(ReasonCode.VersionExists, "It exists."));

        await History.Ledger.FinishAsync(run, ReleaseStatus.Rejected, reason, [new ImageFailure(0, reason, stranger)], [], Token);

        var refused = (await History.RowsAsync<TagMove>()).ShouldHaveSingleItem();
        (refused.Tag, refused.Verdict, refused.From, refused.To).ShouldBe(("v1.0.0", TagVerdict.Refused, stranger.Value, stranger.Value));
    }

    [Fact]
    public async Task A_Version_That_Never_Was_Published_Passes_To_The_Tags_New_Commit()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var first = await ClaimRunAsync();
        await History.Tags.ReserveAsync(first, OverwritePolicy.Refuse, Token);
        await History.Tags.RecordMoveAsync(first, first.Release.Images[0], null, DigestOf(first), TagVerdict.Created, "first", Token);
        await FailAsync(first);

        var second = await QueueTagAsync(7, "v1.0.0", 2);
        await PublishAsync(await ClaimRunAsync());

        var standing = (await History.Tags.StandingAsync(V1, Token)).ShouldNotBeNull();
        (standing.ReleaseId, standing.IsPublished).ShouldBe((second, true));
    }

    [Fact]
    public async Task A_Push_That_Nobody_Wrote_Down_May_Be_Replaced_By_A_Successor_Before_And_After_That_Takes_The_Name()
    {
        var (lost, found) = ("sha256:" + new string('a', 64), Digest.Of("what the lost answer was about"u8));
        await QueueTagAsync(7, "v1.0.0", 1);
        var first = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(first, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        await History.Ledger.RecordBuiltAsync(first, lost, Token);
        await History.Tags.BeginPushAsync(first, first.Release.Images[0], Token);
        await FailAsync(first);
        await QueueTagAsync(7, "v1.0.0", 2);
        var second = await ClaimRunAsync();

        (await FindAsync(lost)).ShouldBeOfType<NameFinding.Replaceable>("before the build");
        await History.Ledger.RecordBuiltAsync(second, "sha256:" + new string('b', 64), Token);
        (await History.Tags.ReserveAsync(second, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        (await FindAsync(lost)).ShouldBeOfType<NameFinding.Replaceable>("after the build");
        (await FindAsync("sha256:" + new string('c', 64))).ShouldBeOfType<NameFinding.Refused>("a stranger's");

        await PublishAsync(second);
        (await FindAsync(lost)).ShouldBeOfType<NameFinding.Refused>("a straggler's, over what is published");

        async Task<NameFinding> FindAsync(string imageId) => NameFinding.Of(
            V1, ImageTagKind.Version, OverwritePolicy.Refuse, await History.Tags.StandingAsync(V1, Token), second.Release, found, imageId);
    }

    [Fact]
    public async Task A_Version_That_Another_Ref_Published_Is_Taken_Also_Where_A_Registry_Tells_First()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        var standing = await History.Tags.StandingAsync(V1, Token);
        await QueueTagAsync(7, "1.0.0", 2);
        var another = await ClaimRunAsync();

        var finding = NameFinding.Of(V1, ImageTagKind.Version, OverwritePolicy.Refuse, standing, another.Release, Digest.Of("the first"u8), imageId: null);

        var reason = finding.ShouldBeOfType<NameFinding.Refused>().Reason;
        reason.Code.ShouldBe(ReasonCode.TagTaken);
        reason.Message.ShouldContain("belongs to refs/tags/v1.0.0, which published it first");
    }

    [Fact]
    public async Task Overwrite_Allow_Lets_A_Version_Get_Another_Digest()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        var id = await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(2));
        var job = await ClaimVerificationAsync();
        (await History.Verification.QueueAsync(job, Verified(job, null, OverwritePolicy.Allow), Token)).ShouldBeNull();
        var run = await ClaimRunAsync();

        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldNotBeNull().Reason.Code.ShouldBe(ReasonCode.VersionExists);
        await PublishAsync(run, OverwritePolicy.Allow);

        var standing = (await History.Tags.StandingAsync(V1, Token)).ShouldNotBeNull();
        (standing.ReleaseId, standing.Digest, standing.IsPublished).ShouldBe((id, DigestOf(run), true));
    }

    [Fact]
    public async Task A_Name_That_Is_A_Floating_Tag_Cannot_Become_A_Version_Tag()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        await AcceptAsync(7, GitRef.Tag("latest"), Object(2));
        var job = await ClaimVerificationAsync();

        (await History.Verification.QueueAsync(job, Verified(job, tags: "{tag}"), Token))!.Code.ShouldBe(ReasonCode.TagTaken);
        (await ReadAsync(job.ReleaseId)).Status.ShouldBe(ReleaseStatus.Rejected);
    }

    [Fact]
    public async Task A_Floating_Tag_Stays_One_Where_The_Release_That_Moved_It_Failed()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        await History.Ledger.RecordBuiltAsync(run, "sha256:" + new string('1', 64), Token);
        foreach (var image in run.Release.Images)
        {
            await History.Tags.RecordMoveAsync(run, image, null, DigestOf(run), TagVerdict.Created, "first", Token);
        }

        await FailAsync(run);
        await AcceptAsync(7, GitRef.Tag("latest"), Object(2));
        var job = await ClaimVerificationAsync();

        (await History.Verification.QueueAsync(job, Verified(job, tags: "{tag}"), Token)).ShouldNotBeNull().Code.ShouldBe(ReasonCode.TagTaken);
        await QueueTagAsync(7, "v1.1.0", 3);
        await PublishAsync(await ClaimRunAsync());
    }

    [Fact]
    public async Task Any_Tag_Of_The_Project_May_Move_A_Floating_Tag()
    {
        var first = await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        var latest = new ImageRef(V1.Repository, "latest");
        (await History.Tags.StandingAsync(latest, Token))!.ReleaseId.ShouldBe(first);

        var second = await QueueTagAsync(7, "v1.1.0", 2);
        await PublishAsync(await ClaimRunAsync());

        (await History.Tags.StandingAsync(latest, Token))!.ReleaseId.ShouldBe(second);
        (await History.Queries.MovesAsync(latest, 10, Token)).Select(move => move.ReleaseId).ShouldBe([second, first]);
    }

    [Fact]
    public async Task A_Refused_Or_Kept_Tag_Is_Recorded_And_Changes_No_Owner()
    {
        var first = await QueueTagAsync(7, "v2.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        await QueueTagAsync(7, "v1.9.0", 2);
        var run = await ClaimRunAsync();
        var latest = run.Release.Images[1];

        await History.Tags.RecordMoveAsync(run, latest, DigestOf(run), null, TagVerdict.Kept, "2.0.0 is higher", Token);

        (await History.Tags.StandingAsync(latest.Image, Token))!.ReleaseId.ShouldBe(first);
        var move = (await History.Queries.MovesAsync(latest.Image, 1, Token)).ShouldHaveSingleItem();
        (move.Verdict, move.Version, move.Reason, move.By).ShouldBe((TagVerdict.Kept, "1.9.0", "2.0.0 is higher", "release"));
    }

    [Fact]
    public async Task Known_Versions_Are_The_Published_Ones()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync(await ClaimRunAsync());
        await QueueTagAsync(7, "v2.0.0", 2);
        var run = await ClaimRunAsync();
        await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token);
        (await History.Tags.KnownVersionsAsync(V1.Repository, Token)).Counts("v2.0.0", out _).ShouldBeTrue("nothing of ours was pushed there: it is a stranger's");
        await History.Tags.BeginPushAsync(run, run.Release.Images[0], Token);

        var known = await History.Tags.KnownVersionsAsync(V1.Repository, Token);

        known.Published.Select(tag => tag.Version.ToString()).ShouldBe(["1.0.0"]);
        known.Counts("v2.0.0", out _).ShouldBeFalse();
        known.Counts("v3.0.0", out _).ShouldBeTrue();
    }

    /// <summary>Its first image is in its registry; nothing is said of the others.</summary>
    private async Task PushFirstAsync(ClaimedRun run)
    {
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        await History.Ledger.RecordBuiltAsync(run, "sha256:" + new string('1', 64), Token);
        await History.Tags.RecordMoveAsync(run, run.Release.Images[0], null, DigestOf(run), TagVerdict.Created, "first", Token);
    }

    [Fact]
    public async Task A_Branch_Tag_That_Looks_Like_A_Version_Is_None_And_Holds_No_Floating_Tag_Back()
    {
        string[] listed = ["9.9.9", "8.8.8", "v9.8.0"];
        await QueueBranchAsync("9.9.9");
        var branch = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(branch, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        (await History.Tags.KnownVersionsAsync(V1.Repository, Token)).Counts("9.9.9", out _).ShouldBeTrue("nothing of ours was pushed there: it is a stranger's");
        await PublishAsync(branch);
        await AcceptAsync(7, GitRef.Tag("v9.8.0"), Object(2));
        var job = await ClaimVerificationAsync();
        var verified = Verified(job, tags: ["{tag}", "{major}"]);
        var facts = RegistryFacts.None with { Listed = new Dictionary<ImageRepository, IReadOnlyList<string>> { [V1.Repository] = listed } };

        var plan = await new TagForecast(History.Database, History.Tags).OfAsync(
            7, GitRef.Tag("v9.8.0"), Object(2), Object(2), verified.Plan, OverwritePolicy.Refuse, facts, Token);
        (await History.Verification.QueueAsync(job, verified, Token)).ShouldBeNull();
        var run = await ClaimRunAsync();
        var verdict = await History.Tags.DecideAsync(run, run.Release.Images.Single(image => image.Tag == "9"), verified.Plan.Version, listed, Token);

        plan.Single(image => image.Image.Kind == ImageTagKind.Floating).Verdict.ShouldBe(ForecastVerdict.Create);
        verdict.ShouldBeOfType<FloatingVerdict.Move>();
    }

    private async Task QueueBranchAsync(string name)
    {
        await AcceptAsync(7, GitRef.Branch(name), Object(1), Object(101));
        var job = await ClaimVerificationAsync();
        (await History.Verification.QueueAsync(job, Verified(job, tags: "{branch}"), Token)).ShouldBeNull();
    }

    private async Task<ReasonCode?> VerdictAsync(long project, string tag, int target, string? repository = null)
    {
        await AcceptAsync(project, GitRef.Tag(tag), Object(target));
        var job = await ClaimVerificationAsync();
        return (await History.Verification.QueueAsync(job, Verified(job, repository), Token))?.Code;
    }
}

public sealed class ConflictOnSqlite() : ConflictTests(new SqliteDatabases());

public sealed class ConflictOnPostgres(PostgresServer server) : ConflictTests(new PostgresDatabases(server));
