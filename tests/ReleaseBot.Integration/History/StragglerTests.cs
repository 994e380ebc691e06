using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>Workers that were thought dead and go on, and releases that wait: none of them takes a floating tag back.</summary>
public abstract class StragglerTests(IDatabases databases) : HistoryTest(databases)
{
    private static readonly ImageRepository Repository = new(Host, "acme/app-7");
    private static readonly ImageRef Latest = Repository.WithTag("latest");

    [Fact]
    public async Task A_Release_That_Slept_Until_The_Tags_Lock_Was_Anothers_Records_Nothing_Of_It()
    {
        await PublishTagAsync("v1.0.0", 1);
        await QueueTagAsync(7, "v2.0.0", 2);
        var sleeper = await ClaimRunAsync();
        (await History.Tags.TryLockAsync(sleeper, Latest, History.ShortLease, Token)).ShouldBeTrue();

        await CarryOutOnceFreeAsync("v1.0.0");

        // Its release is its own all the same: nobody has claimed it since.
        await Should.ThrowAsync<FencedOffException>(History.Tags.RecordLockedMoveAsync(sleeper, LatestOf(sleeper), DigestOf(1), DigestOf(2), TagVerdict.Moved, "late", Token));
        await Should.ThrowAsync<FencedOffException>(History.Tags.RecordKeptAsync(
            sleeper, LatestOf(sleeper), DigestOf(2), DigestOf(2), new FloatingVerdict.Keep(ReasonCode.NotNewest, "late"), Token));
        await ShouldPointToAsync("1.0.0", DigestOf(1));
        await MoveAsync(sleeper, 1, 2);
        await ShouldPointToAsync("2.0.0", DigestOf(2));
    }

    [Fact]
    public async Task A_Wish_That_Slept_Until_The_Tags_Lock_Was_Anothers_Records_Nothing_Of_It()
    {
        await PublishTagAsync("v1.0.0", 1);
        await PublishTagAsync("v2.0.0", 2);
        await WishAsync("v1.0.0");
        var sleeper = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (await History.Changes.TryLockAsync(sleeper, History.ShortLease, Token)).ShouldBeTrue();
        var put = (await History.Changes.DecideAsync(sleeper, DigestOf(2), [], Token)).ShouldBeOfType<ChangeDecision.Put>();

        await QueueTagAsync(7, "v3.0.0", 3);
        var release = await ClaimRunAsync();
        await History.UntilAsync(async () => await History.Tags.TryLockAsync(release, Latest, History.Lease, Token) ? release : null);
        await History.Tags.RecordLockedMoveAsync(release, LatestOf(release), DigestOf(2), DigestOf(3), TagVerdict.Moved, "the highest", Token);
        await History.Tags.UnlockAsync(release, Latest, Token);

        await Should.ThrowAsync<FencedOffException>(History.Changes.FinishAsync(sleeper, put, DigestOf(2), DigestOf(1), Token));
        await Should.ThrowAsync<FencedOffException>(History.Changes.FinishAsync(sleeper, new ChangeDecision.Keep("late"), DigestOf(1), DigestOf(1), Token));
        await ShouldPointToAsync("3.0.0", DigestOf(3));
    }

    [Fact]
    public async Task A_Release_Does_Not_Adopt_Its_Own_Late_Put_Of_A_Tag_That_Went_On_Meanwhile()
    {
        await PublishTagAsync("v3.0.0", 3);
        await QueueTagAsync(7, "v2.0.0", 2);
        var run = await ClaimRunAsync();
        (await History.Tags.TryLockAsync(run, Latest, History.Lease, Token)).ShouldBeTrue();
        FloatingVerdict.Keep keep = new(ReasonCode.NotNewest, "3.0.0 is higher");

        (await History.Tags.RecordKeptAsync(run, LatestOf(run), DigestOf(2), DigestOf(2), keep, Token)).ShouldBe(TagVerdict.Kept);

        await ShouldPointToAsync("3.0.0", DigestOf(3));
    }

    [Fact]
    public async Task A_Release_Adopts_What_Its_Killed_Worker_Put_Where_A_Stray_Holds_It_Back_Since()
    {
        await PublishTagAsync("v1.0.0", 1);
        await QueueTagAsync(7, "v2.0.0", 2);
        var run = await ClaimRunAsync();
        (await History.Tags.TryLockAsync(run, Latest, History.Lease, Token)).ShouldBeTrue();
        FloatingVerdict.Keep keep = new(ReasonCode.NotNewest, "9.9.9 is higher");

        (await History.Tags.RecordKeptAsync(run, LatestOf(run), DigestOf(2), DigestOf(2), keep, Token)).ShouldBe(TagVerdict.Adopted);

        await ShouldPointToAsync("2.0.0", DigestOf(2));
    }

    [Fact]
    public async Task A_Release_That_Waits_For_A_Registry_Keeps_The_Tags_That_It_Moved()
    {
        await PublishTagAsync("v1.0.0", 1);
        await ParkAfterLatestAsync("v2.0.0", 2);

        await QueueTagAsync(7, "v1.0.1", 3);
        var backPort = await ClaimRunAsync();

        var verdict = await History.Tags.DecideAsync(backPort, LatestOf(backPort), Version("1.0.1"), ["v1.0.0", "v1.0.1", "v2.0.0"], Token);
        verdict.ShouldBeOfType<FloatingVerdict.Keep>().Code.ShouldBe(ReasonCode.NotNewest);
        var plan = Verified(await JobLikeAsync("v1.0.2", 4)).Plan;
        var forecast = await new TagForecast(History.Database, History.Tags).OfAsync(
            7, GitRef.Tag("v1.0.2"), Object(4), Object(4), plan, OverwritePolicy.Refuse, RegistryFacts.None, Token);
        forecast.Single(image => image.Image.Image == Latest).Verdict.ShouldBe(ForecastVerdict.Keep);
    }

    [Fact]
    public async Task A_Retraction_Takes_No_Tag_Back_From_A_Release_That_Waits_And_Puts_A_Late_Put_Right()
    {
        await PublishTagAsync("v1.0.0", 1);
        await ParkAfterLatestAsync("v2.0.0", 2);
        string[] listed = ["0.9.0", "v1.0.0", "v2.0.0"];

        await RetractStrayAsync("0.9.0");
        (await CarryOutAsync(DigestOf(2), listed)).ShouldBeOfType<ChangeDecision.Keep>().Why.ShouldContain("2.0.0 already");
        await RetractStrayAsync("0.8.0");
        (await CarryOutAsync(DigestOf(1), listed)).ShouldBeOfType<ChangeDecision.Put>().Digest.ShouldBe(DigestOf(2));

        await ShouldPointToAsync("2.0.0", DigestOf(2));
    }

    [Fact]
    public async Task A_Retraction_Leaves_A_Tag_On_What_It_Stands_On_Though_The_Registry_Does_Not_List_That()
    {
        await PublishTagAsync("v1.0.0", 1);
        await ParkAfterLatestAsync("v2.0.0", 2);
        await RetractStrayAsync("0.9.0");

        (await CarryOutAsync(DigestOf(2), ["0.9.0", "v1.0.0"])).ShouldBeOfType<ChangeDecision.Keep>().Why.ShouldContain("2.0.0 already");

        await ShouldPointToAsync("2.0.0", DigestOf(2));
    }

    [Fact]
    public async Task A_Wish_That_Is_Taken_Over_While_Its_Registry_Is_Away_Ends_Quietly()
    {
        await PublishTagAsync("v1.0.0", 1);
        await PublishTagAsync("v2.0.0", 2);
        await WishAsync("v1.0.0");
        await using var neighbour = History.Neighbour();
        var claimed = (await History.Changes.ClaimAsync(History.ShortLease, Token)).ShouldNotBeNull();
        ClaimedChange? heir = null;
        using Away away = new(async () => heir ??= await History.UntilAsync(() => neighbour.Changes.ClaimAsync(History.Lease, Token)));
        using var registries = Clients(away);
        TagChangeRunner runner = new(registries, History.Changes, new PublishingSettings(), TimeProvider.System, NullLogger<TagChangeRunner>.Instance);

        await runner.RunAsync(claimed, Token);

        // The heir's wish is as it was: nobody put it off, or ended it.
        heir.ShouldNotBeNull();
        var change = (await History.RowsAsync<TagChange>()).Single(row => row.Id == claimed.Change.Id);
        (change.Status, change.Tries, change.Fence, change.LeaseUntil.HasValue).ShouldBe((TagChangeStatus.Pending, 0, heir.Fence, true));
    }

    private static SemanticVersion Version(string text) => GameWorker.Version(text);

    private static Digest DigestOf(int target) => Digest.Of(System.Text.Encoding.UTF8.GetBytes(Object(target).Value));

    private static ReleaseImage LatestOf(ClaimedRun run) => run.Release.Images.Single(image => image.Tag == "latest");

    private static RegistryClients Clients(HttpMessageHandler way) => new(
        new Dictionary<string, RegistrySettings> { [Host] = new() { Name = Host, Host = Host } },
        settings => new RegistryClient(
            settings, new TrustedRealms(new Uri("https://gitlab.example/")), TimeProvider.System, NullLogger<RegistryClient>.Instance,
            new RegistryLimits { Tries = 2, FirstWait = TimeSpan.FromMilliseconds(10) }, way));

    private async Task PublishTagAsync(string tag, int target)
    {
        await QueueTagAsync(7, tag, target);
        await PublishAsync(await ClaimRunAsync());
    }

    private async Task ParkAfterLatestAsync(string tag, int target)
    {
        await QueueTagAsync(7, tag, target);
        var run = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        await MoveAsync(run, 1, target);
        await History.Ledger.ParkAsync(run, new Reason(ReasonCode.RegistryUnavailable, "503"), TimeSpan.FromHours(1), Token);
    }

    private async Task MoveAsync(ClaimedRun run, int from, int to)
    {
        (await History.Tags.TryLockAsync(run, Latest, History.Lease, Token)).ShouldBeTrue();
        await History.Tags.RecordLockedMoveAsync(run, LatestOf(run), DigestOf(from), DigestOf(to), TagVerdict.Moved, "the highest", Token);
        await History.Tags.UnlockAsync(run, Latest, Token);
    }

    private async Task WishAsync(string to) => (await History.Wishes.MoveAsync(Latest, to, "ops", "why", Token)).ShouldBeOfType<WishResult.Accepted>();

    private async Task RetractStrayAsync(string tag) =>
        (await History.Wishes.RetractAsync(Repository.WithTag(tag), "ops", "not ours", Token)).ShouldBeOfType<WishResult.Accepted>().Changes.ShouldHaveSingleItem();

    /// <summary>An operator's wish takes the tag as soon as its lock has run out.</summary>
    private async Task CarryOutOnceFreeAsync(string to)
    {
        await WishAsync(to);
        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        await History.UntilAsync(async () => await History.Changes.TryLockAsync(claimed, History.Lease, Token) ? claimed : null);
        var put = (await History.Changes.DecideAsync(claimed, DigestOf(1), [], Token)).ShouldBeOfType<ChangeDecision.Put>();
        await History.Changes.FinishAsync(claimed, put, DigestOf(1), DigestOf(1), Token);
        await History.Changes.UnlockAsync(claimed, Token);
    }

    private async Task<ChangeDecision> CarryOutAsync(Digest found, string[] listed)
    {
        var claimed = (await History.Changes.ClaimAsync(History.Lease, Token)).ShouldNotBeNull();
        (await History.Changes.TryLockAsync(claimed, History.Lease, Token)).ShouldBeTrue();
        var decision = await History.Changes.DecideAsync(claimed, found, listed, Token);
        await History.Changes.FinishAsync(claimed, decision, found, decision is ChangeDecision.Put put ? put.Digest : found, Token);
        await History.Changes.UnlockAsync(claimed, Token);
        return decision;
    }

    private async Task<VerificationJob> JobLikeAsync(string tag, int target)
    {
        await AcceptAsync(7, GitRef.Tag(tag), Object(target));
        return await ClaimVerificationAsync();
    }

    private async Task ShouldPointToAsync(string version, Digest digest)
    {
        var owner = (await History.Queries.TagOwnerAsync(Latest, Token)).ShouldNotBeNull();
        (owner.Version, owner.Digest).ShouldBe((version, digest.Value));
    }

    /// <summary>A registry that is away, and what happens meanwhile.</summary>
    private sealed class Away(Func<Task> meanwhile) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await meanwhile();
            return new HttpResponseMessage(System.Net.HttpStatusCode.ServiceUnavailable);
        }
    }
}

public sealed class StragglerOnSqlite() : StragglerTests(new SqliteDatabases());

public sealed class StragglerOnPostgres(PostgresServer server) : StragglerTests(new PostgresDatabases(server));
