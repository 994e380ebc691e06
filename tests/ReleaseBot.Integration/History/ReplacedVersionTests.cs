using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>
/// A git tag was moved, <c>Overwrite</c> is <c>Allow</c>, and the release of the new commit has replaced the published version at this registry and then failed at another.
/// </summary>
public abstract class ReplacedVersionTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly ImageRepository Repository = new(Host, "acme/app-7");
    private static readonly ImageRef Latest = Repository.WithTag("latest");
    private static readonly ImageRef Version = Repository.WithTag("v1.2.0");

    private (Guid Id, Digest Digest) _published;
    private (Guid Id, Digest Digest) _failed;
    private ReleasePlan? _plan;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await PublishTagAsync("v1.1.0", 1);
        _published = await PublishTagAsync("v1.2.0", 2);
        await AcceptAsync(7, GitRef.Tag("v1.2.0"), Object(3));
        var run = await ClaimReplacingAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Allow, Token)).ShouldBeNull();
        await ReplaceAsync(run);
        await FailAsync(run);
        _failed = (run.Release.Id, DigestOf(run));
    }

    [Fact]
    public async Task No_Back_Port_Moves_A_Floating_Tag_Below_It()
    {
        await MoveAsync("v1.1.0");
        await QueueTagAsync(7, "v1.1.1", 4);
        var backPort = await ClaimRunAsync();

        var verdict = await History.Tags.DecideAsync(
            backPort, backPort.Release.Images.Single(image => image.Tag == "latest"), Parse("1.1.1"), ["v1.1.0", "v1.2.0"], Token);

        verdict.ShouldBeOfType<FloatingVerdict.Keep>().Why.ShouldContain("1.2.0 is published");
    }

    [Theory]
    [InlineData("v1.2.0")]
    [InlineData("1.2.0")]
    public async Task An_Operator_Puts_A_Floating_Tag_On_What_Was_Published_And_Not_On_What_Failed(string to)
    {
        await MoveAsync("v1.1.0");

        var put = (await MoveAsync(to)).ShouldBeOfType<ChangeDecision.Put>();

        (put.Digest, put.ReleaseId, put.Version).ShouldBe((_published.Digest, _published.Id, "1.2.0"));
    }

    [Fact]
    public async Task Its_Name_Is_Still_Its_Refs_And_No_Other_Commit_May_Take_It_Where_That_Is_Not_Allowed()
    {
        await AcceptAsync(7, GitRef.Tag("v1.2.0"), Object(5));
        var job = await ClaimVerificationAsync();

        (await History.Verification.QueueAsync(job, Verified(job), Token)).ShouldNotBeNull().Code.ShouldBe(ReasonCode.VersionExists);
    }

    [Fact]
    public async Task What_Was_Put_There_Last_Is_Checked_For()
    {
        var past = History.Time.GetUtcNow() - TimeSpan.FromMinutes(1);
        await History.Database.WriteAsync(
            (context, token) => context.TagOwners.Where(owner => owner.NextCheckAt != null).ExecuteUpdateAsync(owner => owner.SetProperty(row => row.NextCheckAt, past), token), Token);

        var check = (await History.Drift.ClaimAsync(10, Token)).Single(check => check.Image == Version);

        check.Digest.ShouldBe(_failed.Digest);
        (await History.Drift.IsOursAsync(Version, _published.Digest, null, Token)).ShouldBeFalse("who puts back what was published is no straggler");
        (await History.Drift.DriftAsync(check, Digest.Of("a stranger's"u8), isRestored: false, "somebody pushed past us", TellAll, Token)).ShouldBeTrue();
    }

    [Fact]
    public async Task It_Is_Retracted_As_The_Release_That_Published_It()
    {
        (await History.Wishes.RetractAsync(_failed.Id, "ops", "it is bad", Token)).ShouldBe(new WishResult.NothingToRetract(Version, _published.Id));
        (await History.Wishes.RetractAsync(Version, "ops", "it is bad", Token)).ShouldBe(new WishResult.OfRelease(_published.Id));

        (await History.Wishes.RetractAsync(_published.Id, "ops", "it is bad", Token)).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldHaveSingleItem();

        (await CarryOutAsync()).ShouldBeOfType<ChangeDecision.Put>().Version.ShouldBe("1.1.0");
    }

    [Fact]
    public async Task The_Next_Attempt_Of_The_Release_Takes_Its_Place_As_Its_Plan_Says()
    {
        var plan = await new TagForecast(History.Database, History.Tags).OfAsync(
            7, GitRef.Tag("v1.2.0"), Object(3), Object(3), _plan.ShouldNotBeNull(), OverwritePolicy.Allow, RegistryFacts.None, Token);
        plan.Select(image => (image.Verdict, image.Image.Kind)).ShouldBe([(ForecastVerdict.Move, ImageTagKind.Version), (ForecastVerdict.Move, ImageTagKind.Floating)]);
        plan[0].Why.ShouldContain("earlier attempt of this release");
        (await History.Operations.RetryAsync(_failed.Id, Token)).ShouldBe(OperationOutcome.Done);
        var run = await ClaimReplacingAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Allow, Token)).ShouldBeNull();
        await ReplaceAsync(run);
        await History.Ledger.FinishAsync(run, ReleaseStatus.Published, null, [], Token);

        (await History.Tags.KnownVersionsAsync(Repository, Token)).Published.Select(tag => (tag.Tag, tag.ReleaseId, tag.Digest))
            .ShouldContain(("v1.2.0", _failed.Id, _failed.Digest));
        (await History.Wishes.RetractAsync(_published.Id, "ops", "it is bad", Token)).ShouldBe(new WishResult.NothingToRetract(Version, _failed.Id));
    }

    private static SemanticVersion Parse(string text) => SemanticVersion.TryParse(text, out var version) ? version : throw new ArgumentException(text);

    private async Task<(Guid, Digest)> PublishTagAsync(string tag, int target)
    {
        var id = await QueueTagAsync(7, tag, target);
        var run = await ClaimRunAsync();
        await PublishAsync(run);
        return (id, DigestOf(run));
    }

    /// <summary>Verifies the release of the new commit, and has a worker take it.</summary>
    private async Task<ClaimedRun> ClaimReplacingAsync()
    {
        var job = await ClaimVerificationAsync();
        var verified = Verified(job, overwrite: OverwritePolicy.Allow);
        _plan = verified.Plan;
        (await History.Verification.QueueAsync(job, verified, Token)).ShouldBeNull();
        return await ClaimRunAsync();
    }

    private async Task ReplaceAsync(ClaimedRun run)
    {
        await History.Ledger.RecordBuiltAsync(run, "sha256:" + new string('3', 64), Token);
        var image = run.Release.Images.Single(image => image.Kind == ImageTagKind.Version);
        await History.Tags.BeginPushAsync(run, image, Token);
        await History.Tags.RecordMoveAsync(run, image, _published.Digest, DigestOf(run), TagVerdict.Replaced, "Overwrite is Allow", Token);
    }

    private async Task<ChangeDecision> MoveAsync(string to)
    {
        (await History.Wishes.MoveAsync(Latest, to, "ops", "for now", Token)).ShouldBeOfType<WishResult.Accepted>();
        return await CarryOutAsync();
    }

    private async Task<ChangeDecision> CarryOutAsync()
    {
        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeTrue();
        var current = Digest.Parse((await History.Queries.TagOwnerAsync(Latest, Token)).ShouldNotBeNull().Digest.ShouldNotBeNull());
        var decision = await History.Changes.DecideAsync(claimed, current, ["v1.1.0", "v1.2.0"], Token);
        await History.Changes.FinishAsync(claimed, decision, current, (decision as ChangeDecision.Put)?.Digest ?? current, Token);
        await History.Changes.UnlockAsync(claimed, Token);
        return decision;
    }
}

public sealed class ReplacedVersionOnSqlite() : ReplacedVersionTests(new SqliteDatabases());

public sealed class ReplacedVersionOnPostgres(PostgresServer server) : ReplacedVersionTests(new PostgresDatabases(server));
