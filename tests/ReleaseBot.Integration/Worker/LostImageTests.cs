using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Integration.Registries;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.StandIns.Registry;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>Images that a registry has lost, with two real registries.</summary>
public abstract class LostImageTests(IDatabases databases) : WorkerTest(databases)
{
    private DockerRegistry _holder = null!;
    private DockerRegistry _loser = null!;
    private FaultProxy _way = null!;
    private RegistryClients _clients = null!;

    private ImageRef Lost => new(new ImageRepository(_way.Host, Repository), "v1.0.0");

    private ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [ImagesOf("holder", _holder.Host, "{tag}"), ImagesOf("loser", _way.Host, "{tag}")],
    };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _holder = await StartRegistryAsync();
        _loser = await StartRegistryAsync();
        _way = await WayToAsync(_loser);
        _clients = ClientsOf(("holder", _holder.Host), ("loser", _way.Host));
    }

    [Fact]
    public async Task A_Version_That_A_Registry_Has_Lost_Is_Copied_Back_From_Another_Of_Its_Release()
    {
        var image = TestImage.Create(64, 1024);
        await image.PushAsync(_holder.Host, Repository, "v1.0.0", Token);
        await PublishAsync(Rule, "v1.0.0", 1, image);

        await CheckDriftAsync(_clients, Rule, isRestoring: true, tags: 2);
        await CarryOutAsync(_clients);

        (await _clients.Get("loser").HeadManifestAsync(Repository, "v1.0.0", Token)).ShouldBe(image.Manifest.Digest);
        var restored = (await History.Queries.MovesAsync(Lost, 1, Token)).ShouldHaveSingleItem();
        (restored.Verdict, restored.From, restored.To).ShouldBe((TagVerdict.Restored, null, image.Manifest.Digest.Value));
    }

    [Fact]
    public async Task A_Version_That_All_Registries_Have_Lost_Is_Told_To_Be_Lost()
    {
        await PublishAsync(Rule, "v1.0.0", 1, TestImage.Create(64));

        await CheckDriftAsync(_clients, Rule, isRestoring: true, tags: 2);
        await CarryOutAsync(_clients);
        await CarryOutAsync(_clients);

        (await History.RowsAsync<TagChange>()).ShouldAllBe(change => change.Status == TagChangeStatus.Failed && change.Outcome!.Contains("nor does another"));
    }

    [Fact]
    public async Task A_Long_Copy_Back_Does_Not_Lock_The_Tag()
    {
        var goesOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _way.On(request => request.Is("POST", "/blobs/uploads/"), new ProxyFault.Hold(goesOn.Task), times: int.MaxValue);
        var image = TestImage.Create(64, 1024);
        await image.PushAsync(_holder.Host, Repository, "v1.0.0", Token);
        await PublishAsync(Rule, "v1.0.0", 1, image);
        await CheckDriftAsync(_clients, Rule, isRestoring: true, tags: 2);

        var copy = CarryOutAsync(_clients);
        await UntilAsync(() => Task.FromResult(_way.Count("POST", "/blobs/uploads/") > 0));
        await AcceptAsync(7, GitRef.Tag("v1.1.0"), Object(2));
        await QueueAsync(Rule);
        var another = await ClaimRunAsync();
        (await History.Tags.TryLockAsync(another, Lost, History.Lease, Token)).ShouldBeTrue();
        await History.Tags.UnlockAsync(another, Lost, Token);
        goesOn.SetResult();
        await copy;

        (await _clients.Get("loser").HeadManifestAsync(Repository, "v1.0.0", Token)).ShouldBe(image.Manifest.Digest);
    }
}

public sealed class LostImagesOnSqlite() : LostImageTests(new SqliteDatabases());

public sealed class LostImagesOnPostgres(PostgresServer server) : LostImageTests(new PostgresDatabases(server));
