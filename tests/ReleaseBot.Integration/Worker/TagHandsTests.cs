using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
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

/// <summary>The hands with which a worker carries out wishes, with two real registries, one of which answers nothing.</summary>
public abstract class TagHandsTests(IDatabases databases) : WorkerTest(databases)
{
    private const string Versions = "v1.0.0 v1.1.0 v1.2.0 v1.3.0 v1.4.0";

    private DockerRegistry _sound = null!;
    private DockerRegistry _target = null!;
    private FaultProxy _silent = null!;
    private RegistryClients _clients = null!;

    private ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [ImagesOf("silent", _silent.Host, "{tag}"), ImagesOf("sound", _sound.Host, "{tag}")],
    };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _sound = await StartRegistryAsync();
        _target = await StartRegistryAsync();
        _silent = await WayToAsync(_target);
        _clients = ClientsOf(("silent", _silent.Host), ("sound", _sound.Host));
    }

    [Fact]
    public async Task Wishes_For_A_Registry_That_Does_Not_Answer_Hold_Up_No_Other()
    {
        var image = TestImage.Create(64);
        foreach (var (version, number) in Versions.Split(' ').Select((version, number) => (version, number)))
        {
            await image.PushAsync(_sound.Host, Repository, version, Token);
            await PublishAsync(Rule, version, number + 1, image);
        }

        // A stranger's image in the place of one version; the other registry has lost all of them, and has been waited for longer.
        await TestImage.Create(32).PushAsync(_sound.Host, Repository, "v1.4.0", Token);
        await CheckDriftAsync(_clients, Rule, isRestoring: true, tags: 10);
        await History.Database.WriteAsync(
            (context, token) => context.TagChanges.Where(change => change.Host == _silent.Host)
                .ExecuteUpdateAsync(change => change.SetProperty(row => row.NextAt, DateTimeOffset.UnixEpoch), token), Token);
        _silent.On(_ => true, new ProxyFault.Silence(), times: int.MaxValue);

        using var wakeUps = new WorkerWakeUps(TimeProvider.System);
        var runner = new TagChangeRunner(_clients, History.Changes, new PublishingSettings(), TimeProvider.System, NullLogger<TagChangeRunner>.Instance);
        using var service = new TagChangeService(History.Changes, runner, wakeUps, History.Signals, TimeProvider.System, NullLogger<TagChangeService>.Instance);
        await service.StartAsync(Token);
        await UntilAsync(async () => await _clients.Get("sound").HeadManifestAsync(Repository, "v1.4.0", Token) == image.Manifest.Digest);
        var waiting = (await History.RowsAsync<TagChange>()).Where(change => change.Status == TagChangeStatus.Pending && change.Host == _silent.Host).ToList();
        await service.StopAsync(Token);

        waiting.Count.ShouldBe(5);
        waiting.Count(change => change.Tries > 0).ShouldBeLessThanOrEqualTo(2, "no more hands than that may have waited for it in vain");
    }
}

public sealed class TagHandsOnSqlite() : TagHandsTests(new SqliteDatabases());

public sealed class TagHandsOnPostgres(PostgresServer server) : TagHandsTests(new PostgresDatabases(server));
