using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Integration.Registries;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>Images that a registry has lost, with two real registries.</summary>
public abstract class LostImageTests(IDatabases databases) : HistoryTest(databases)
{
    private const string Repository = "acme/app-7";

    private DockerRegistry _holder = null!;
    private DockerRegistry _loser = null!;
    private RegistryClients _clients = null!;

    private ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [.. new[] { ("holder", _holder), ("loser", _loser) }.Select(
            registry => new ImageRule(registry.Item1, registry.Item2.Host, Template.Parse(Repository), [Template.Parse("{tag}")]))],
    };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _holder = await DockerRegistry.StartAsync(new DockerRegistryOptions(), Token);
        _loser = await DockerRegistry.StartAsync(new DockerRegistryOptions(), Token);
        _clients = new RegistryClients(
            new Dictionary<string, RegistrySettings>
            {
                ["holder"] = new() { Name = "holder", Host = _holder.Host, Insecure = true },
                ["loser"] = new() { Name = "loser", Host = _loser.Host, Insecure = true },
            },
            new TrustedRealms(new Uri("https://gitlab.example/")), TimeProvider.System, NullLoggerFactory.Instance);
    }

    public override async ValueTask DisposeAsync()
    {
        _clients.Dispose();
        await _holder.DisposeAsync();
        await _loser.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_Version_That_A_Registry_Has_Lost_Is_Copied_Back_From_Another_Of_Its_Release()
    {
        var image = TestImage.Create(64, 1024);
        await image.PushAsync(_holder.Host, Repository, "v1.0.0", Token);
        await PublishAsync(image);

        await CheckAsync();
        await CarryOutAsync();

        (await _clients.Get("loser").HeadManifestAsync(Repository, "v1.0.0", Token)).ShouldBe(image.Manifest.Digest);
        var restored = (await History.Queries.MovesAsync(new ImageRef(new ImageRepository(_loser.Host, Repository), "v1.0.0"), 1, Token)).ShouldHaveSingleItem();
        (restored.Verdict, restored.From, restored.To).ShouldBe((TagVerdict.Restored, null, image.Manifest.Digest.Value));
    }

    [Fact]
    public async Task A_Version_That_All_Registries_Have_Lost_Is_Told_To_Be_Lost()
    {
        await PublishAsync(TestImage.Create(64));

        await CheckAsync();
        await CarryOutAsync();
        await CarryOutAsync();

        (await History.RowsAsync<TagChange>()).ShouldAllBe(change => change.Status == TagChangeStatus.Failed && change.Outcome!.Contains("nor does another"));
    }

    /// <summary>As the history has it; what the registries hold is the test's.</summary>
    private async Task PublishAsync(TestImage image)
    {
        await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        var job = await ClaimVerificationAsync();
        var plan = ReleasePlanner.Plan(Rule, Repository, job.Ref, job.Target, DateTimeOffset.UnixEpoch).ShouldBeOfType<PlanResult.Planned>().Plan;
        (await History.Verification.QueueAsync(job, Verified(job) with { Plan = plan }, Token)).ShouldBeNull();
        var run = await ClaimRunAsync();
        (await History.Tags.ReserveAsync(run, OverwritePolicy.Refuse, Token)).ShouldBeNull();
        await History.Ledger.RecordBuiltAsync(run, image.Manifest.ConfigDigest!.Value, Token);
        foreach (var row in run.Release.Images)
        {
            await History.Tags.RecordMoveAsync(run, row, null, image.Manifest.Digest, TagVerdict.Created, "first", Token);
            await History.Ledger.RecordImageAsync(run, row.Ordinal, ImageStatus.Pushed, image.Manifest.Digest, null, Token);
        }

        await History.Ledger.FinishAsync(run, ReleaseStatus.Published, null, [], Token);
    }

    private async Task CheckAsync()
    {
        await History.Database.WriteAsync(
            (context, token) => context.TagOwners.ExecuteUpdateAsync(owner => owner.SetProperty(row => row.NextCheckAt, DateTimeOffset.UnixEpoch), token), Token);
        using var wakeUps = new WorkerWakeUps(TimeProvider.System);
        var check = new DriftCheck(
            _clients, History.Drift, new PublishingSettings { RestoreVersions = true }, [Rule], wakeUps, TimeProvider.System, NullLogger<DriftCheck>.Instance);
        (await check.RunAsync(Token)).ShouldBe(2);
    }

    private async Task CarryOutAsync()
    {
        var runner = new TagChangeRunner(_clients, History.Changes, new PublishingSettings(), TimeProvider.System, NullLogger<TagChangeRunner>.Instance);
        await runner.RunAsync((await History.Changes.ClaimAsync(TagChangeRunner.Lease, Token)).ShouldNotBeNull(), Token);
    }
}

public sealed class LostImagesOnSqlite() : LostImageTests(new SqliteDatabases());

public sealed class LostImagesOnPostgres(PostgresServer server) : LostImageTests(new PostgresDatabases(server));
