using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>What a plan says of each tag, by history and by what registries answered.</summary>
public abstract class ForecastTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly ImageRepository Repository = new(Host, "acme/app-7");
    private static readonly ImageRef V1 = Repository.WithTag("v1.0.0");
    private static readonly ImageRef Latest = Repository.WithTag("latest");

    [Theory]
    [InlineData(OverwritePolicy.Refuse, ForecastVerdict.Refuse)]
    [InlineData(OverwritePolicy.Allow, ForecastVerdict.Move)]
    public async Task A_Branch_That_Would_Come_Back_To_A_Commit_Keeps_The_Tags_Of_The_Commit(OverwritePolicy overwrite, ForecastVerdict ofStrangers)
    {
        var branch = GitRef.Branch("main");
        string[] tags = ["{branch}", "{sha}"];
        var plan = await PublishBranchAsync(1);
        await PublishBranchAsync(2);
        var ofCommit = plan.Images.Single(image => image.Kind == ImageTagKind.Version).Image;

        (await ForecastAsync(branch, 1, plan, overwrite: overwrite)).Select(image => (image.Verdict, image.Code)).ShouldBe(
            [(ForecastVerdict.Move, null), (ForecastVerdict.Keep, ReasonCode.AlreadyAccepted)]);
        var stranger = Answered((ofCommit, Digest.Of("a stranger's"u8)));
        (await ForecastAsync(branch, 1, plan, stranger, overwrite)).Select(image => image.Verdict).ShouldBe([ForecastVerdict.Move, ofStrangers]);
        (await ForecastAsync(branch, 1, plan, Answered((ofCommit, null)), overwrite)).Select(image => image.Verdict).ShouldBe([ForecastVerdict.Move, ForecastVerdict.Create]);

        async Task<ReleasePlan> PublishBranchAsync(int commit)
        {
            await AcceptAsync(7, branch, Object(commit), Object(commit + 100));
            var job = await ClaimVerificationAsync();
            var verified = Verified(job, tags: tags);
            (await History.Verification.QueueAsync(job, verified, Token)).ShouldBeNull();
            await PublishAsync(await ClaimRunAsync());
            return verified.Plan;
        }
    }

    [Fact]
    public async Task What_Is_Published_Already_Is_Said_To_Be_There_And_Not_To_Be_Moved()
    {
        var plan = await PublishTagAsync("v1.0.0", 1);
        var published = await ForecastAsync(GitRef.Tag("v1.0.0"), 1, plan);

        published.ShouldAllBe(image => image.Verdict == ForecastVerdict.Keep && image.Code == ReasonCode.AlreadyAccepted && image.Why.Contains("was put on it"));

        await PublishTagAsync("v2.0.0", 2);
        (await ForecastAsync(GitRef.Tag("v1.0.0"), 1, plan)).Single(image => image.Image.Image == Latest).Why.ShouldContain("nothing of it is published again");
    }

    [Fact]
    public async Task What_The_Registry_Holds_Counts_In_A_Plan_Where_It_Answered()
    {
        await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        var plan = Verified(await ClaimVerificationAsync()).Plan;
        var stranger = Digest.Of("a stranger's"u8);
        (await VerdictsAsync(RegistryFacts.None)).ShouldBe([ForecastVerdict.Create, ForecastVerdict.Create]);

        (await VerdictsAsync(Answered((V1, stranger), (Latest, stranger)))).ShouldBe([ForecastVerdict.Refuse, ForecastVerdict.Move]);
        (await VerdictsAsync(Answered((V1, stranger)), OverwritePolicy.Allow)).ShouldBe([ForecastVerdict.Move, ForecastVerdict.Create]);
        var strays = RegistryFacts.None with { Listed = new Dictionary<ImageRepository, IReadOnlyList<string>> { [Repository] = ["9.9.9", "edge"] } };
        (await VerdictsAsync(strays)).ShouldBe([ForecastVerdict.Create, ForecastVerdict.Keep]);
        (await ForecastAsync(GitRef.Tag("v1.0.0"), 1, plan, Answered((V1, stranger))))[0].Seen.ShouldNotBeNull().Digest.ShouldBe(stranger.Value);

        async Task<IEnumerable<ForecastVerdict>> VerdictsAsync(RegistryFacts facts, OverwritePolicy overwrite = OverwritePolicy.Refuse) =>
            (await ForecastAsync(GitRef.Tag("v1.0.0"), 1, plan, facts, overwrite)).Select(image => image.Verdict);
    }

    [Fact]
    public async Task Only_What_History_Does_Not_Know_Is_Worth_A_Closer_Look_At_The_Registry()
    {
        var tag = GitRef.Tag("v1.0.0");
        await AcceptAsync(7, tag, Object(1));
        var job = await ClaimVerificationAsync();
        var verified = Verified(job);
        (await KnownAsync(Object(1)))[V1].ShouldBeEmpty();
        (await History.Verification.QueueAsync(job, verified, Token)).ShouldBeNull();
        var run = await ClaimRunAsync();
        await PublishAsync(run);

        (await KnownAsync(Object(1))).ShouldHaveSingleItem().Value.ShouldAllBe(digest => digest == DigestOf(run));
        (await KnownAsync(Object(1)))[V1].ShouldNotBeEmpty();
        (await KnownAsync(Object(2)))[V1].ShouldBe([DigestOf(run)], "another object under the tag's name meets what stands there");

        Task<IReadOnlyDictionary<ImageRef, IReadOnlyCollection<Digest>>> KnownAsync(ObjectId target) =>
            new TagForecast(History.Database, History.Tags).KnownDigestsAsync(7, tag, target, target, verified.Plan, Token);
    }

    [Fact]
    public async Task A_Release_That_Is_Tried_Again_Keeps_What_Its_Failed_Attempt_Has_Pushed()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = await ClaimRunAsync();
        await History.Ledger.RecordBuiltAsync(run, "sha256:" + new string('1', 64), Token);
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        var latest = run.Release.Images.Single(image => image.Kind == ImageTagKind.Floating);
        await History.Tags.RecordMoveAsync(run, latest, null, DigestOf(run), TagVerdict.Created, "first", Token);
        await FailAsync(run);
        var plan = new ReleasePlan(
            SemanticVersion.TryParse("1.0.0", out var version) ? version : null,
            [new PlannedImage("main", V1, ImageTagKind.Version, null), new PlannedImage("main", Latest, ImageTagKind.Floating, FloatingScope.All)], [], new Dictionary<string, string>());

        var own = new RegistryFacts(
            new Dictionary<ImageRef, RegistryAnswer> { [V1] = new(History.Time.GetUtcNow(), Digest.Of("pushed"u8), "sha256:" + new string('1', 64)) }, RegistryFacts.None.Listed);
        (await ForecastAsync(GitRef.Tag("v1.0.0"), 1, plan, own)).Select(image => image.Verdict).ShouldBe([ForecastVerdict.Move, ForecastVerdict.Keep]);
    }

    private RegistryFacts Answered(params (ImageRef Image, Digest? Digest)[] answers) => new(
        answers.ToDictionary(answer => answer.Image, answer => new RegistryAnswer(History.Time.GetUtcNow(), answer.Digest, null)), RegistryFacts.None.Listed);

    private Task<IReadOnlyList<ForecastImage>> ForecastAsync(
        GitRef gitRef, int target, ReleasePlan plan, RegistryFacts? facts = null, OverwritePolicy overwrite = OverwritePolicy.Refuse) =>
        new TagForecast(History.Database, History.Tags).OfAsync(7, gitRef, Object(target), Object(target), plan, overwrite, facts ?? RegistryFacts.None, Token);

    private async Task<ReleasePlan> PublishTagAsync(string tag, int target)
    {
        await AcceptAsync(7, GitRef.Tag(tag), Object(target));
        var job = await ClaimVerificationAsync();
        var verified = Verified(job);
        (await History.Verification.QueueAsync(job, verified, Token)).ShouldBeNull();
        await PublishAsync(await ClaimRunAsync());
        return verified.Plan;
    }
}

public sealed class ForecastOnSqlite() : ForecastTests(new SqliteDatabases());

public sealed class ForecastOnPostgres(PostgresServer server) : ForecastTests(new PostgresDatabases(server));
