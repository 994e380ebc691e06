using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Integration.Registries;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.StandIns.Registry;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>A worker that was thought dead, and whose put of a floating tag comes after the tag has moved on, at a real registry.</summary>
public abstract class LatePutTests(IDatabases databases) : WorkerTest(databases)
{
    private DockerRegistry _registry = null!;
    private FaultProxy _proxy = null!;
    private RegistryClients _clients = null!;

    private ImageRef Latest => new(new ImageRepository(_proxy.Host, Repository), "latest");

    private ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [ImagesOf("main", _proxy.Host, "{tag}", "latest")],
        Notify = TellAll,
    };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _registry = await StartRegistryAsync();
        _proxy = await WayToAsync(_registry);
        _clients = ClientsOf(("main", _proxy.Host));
    }

    [Fact]
    public async Task Late_Put_Of_A_Floating_Tag_Is_Put_Back_And_A_Strangers_Is_Told_Only()
    {
        var wakes = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _proxy.On(request => request.Is("PUT", "/manifests/latest"), new ProxyFault.Hold(wakes.Task));
        await QueueAsync("v1.0.0", 1);
        var asleep = (await History.Runs.ClaimAsync("asleep", engine: null, History.ShortLease, Token)).ShouldNotBeNull();
        var first = await PushAsync(asleep);
        var late = MoveAsync(asleep);
        await UntilAsync(() => Task.FromResult(_proxy.Count("PUT", "/manifests/latest") == 1));

        // Taken over, published, and the tag moves on.
        var second = await History.UntilAsync(() => History.Runs.ClaimAsync("second", engine: null, History.Lease, Token));
        second.Release.Id.ShouldBe(asleep.Release.Id);
        await MoveAsync(second);
        await History.Ledger.FinishAsync(second, ReleaseStatus.Published, null, [], Token);
        await QueueAsync("v2.0.0", 2);
        var next = await ClaimRunAsync();
        var newest = await PushAsync(next);
        await MoveAsync(next);
        await History.Ledger.FinishAsync(next, ReleaseStatus.Published, null, [], Token);
        (await DigestAsync()).ShouldBe(newest);

        wakes.SetResult();
        await Should.ThrowAsync<FencedOffException>(late);
        (await DigestAsync()).ShouldBe(first);

        var owner = (await History.Queries.TagOwnerAsync(Latest, Token)).ShouldNotBeNull();
        (owner.NextCheckAt - owner.UpdatedAt).ShouldNotBeNull().ShouldBeLessThan(TimeSpan.FromMinutes(2), "what a dead worker began is looked for soon");
        await CheckDriftAsync(_clients, Rule, isRestoring: false, tags: 3);
        await CarryOutAsync(_clients);

        (await DigestAsync()).ShouldBe(newest);
        var restored = (await History.Queries.MovesAsync(Latest, 1, Token)).ShouldHaveSingleItem();
        (restored.Verdict, restored.From, restored.To, restored.By, restored.Version).ShouldBe((TagVerdict.Restored, first.Value, newest.Value, DriftLedger.Name, "2.0.0"));
        restored.Reason.ShouldContain("came late");
        (await History.RowsAsync<OpenPut>()).ShouldBeEmpty();

        await TestImage.PutAsync(_registry.Host, Repository, "latest", await ManifestAsync(first), Token);
        await CheckDriftAsync(_clients, Rule, isRestoring: false, tags: 3);
        (await History.RowsAsync<TagChange>()).ShouldHaveSingleItem();
        (await History.Queries.MovesAsync(Latest, 1, Token)).ShouldHaveSingleItem().Reason.ShouldContain("somebody pushed past us");
        (await DigestAsync()).ShouldBe(first);
    }

    private async Task QueueAsync(string tag, int target)
    {
        await AcceptAsync(7, GitRef.Tag(tag), Object(target));
        await QueueAsync(Rule);
    }

    /// <summary>Brings the version to the registry, as the stages before the tags do.</summary>
    private async Task<Digest> PushAsync(ClaimedRun run)
    {
        var image = TestImage.Create(64);
        var version = run.Release.Images.Single(row => row.Kind == ImageTagKind.Version);
        await BuildAsync(run, image);
        await image.PushAsync(_registry.Host, Repository, version.Tag, Token);
        await RecordPushedAsync(run, version, image);
        await History.Ledger.StartStageAsync(run, StageName.Tags, ReleaseStatus.Pushing, Token);
        run.Release.Digest = image.Manifest.Digest.Value;
        return image.Manifest.Digest;
    }

    private async Task MoveAsync(ClaimedRun claimed)
    {
        await using var run = RunOf(claimed, Rule);
        var mover = new TagMover(_clients, History.Tags, TimeProvider.System);
        (await mover.MoveAsync(run, run.Followers.Single(), Token)).ShouldBeTrue();
    }

    private async Task<Digest> DigestAsync() => (await _clients.Get("main").HeadManifestAsync(Repository, "latest", Token)).ShouldNotBeNull();

    private async Task<RegistryManifest> ManifestAsync(Digest digest) =>
        (await _clients.Get("main").GetManifestAsync(Repository, digest.Value, Token)).ShouldNotBeNull();
}

public sealed class LatePutsOnSqlite() : LatePutTests(new SqliteDatabases());

public sealed class LatePutsOnPostgres(PostgresServer server) : LatePutTests(new PostgresDatabases(server));
