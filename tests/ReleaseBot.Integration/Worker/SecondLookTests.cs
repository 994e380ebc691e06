using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.Integration.History;
using ReleaseBot.Integration.Registries;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.StandIns.Registry;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>A release that waited looks again at what it had pushed before it counts on it, with a real registry.</summary>
public abstract class SecondLookTests(IDatabases databases) : WorkerTest(databases)
{
    private readonly TestImage _image = TestImage.Create(64);
    private readonly TestImage _stranger = TestImage.Create(65);
    private DockerRegistry _registry = null!;
    private FaultProxy _way = null!;
    private RegistryClients _clients = null!;
    private DockerEngine _engine = null!;

    private ProjectRule Rule => new() { Path = new ProjectPathPattern("**"), Images = [ImagesOf("main", _way.Host, "{tag}", "latest")] };

    private ImageSurvey Survey => new(_clients, History.Tags, History.Ledger, _engine);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _registry = await StartRegistryAsync();
        _way = await WayToAsync(_registry);
        _engine = Keep(new DockerEngine(new EngineSettings(), TimeProvider.System, NullLogger<DockerEngine>.Instance));
        _clients = ClientsOf(("main", _way.Host));
    }

    [Fact]
    public async Task What_Is_There_Still_Counts_As_Pushed()
    {
        await using var run = await ComeBackAsync();

        (await Survey.ExamineAllAsync(run, Token)).ShouldBeNull();

        (run.IsHeldByARegistry, run.Unconfirmed.Any()).ShouldBe((true, false));
    }

    [Fact]
    public async Task A_Version_That_A_Stranger_Overwrote_Meanwhile_Is_Not_Published()
    {
        await using var run = await ComeBackAsync();
        await _stranger.PushAsync(_registry.Host, Repository, "v1.0.0", Token);

        var end = (await Survey.ExamineAllAsync(run, Token)).ShouldBeOfType<StageResult.End>();

        (end.Status, end.Reason!.Code).ShouldBe((ReleaseStatus.Rejected, ReasonCode.VersionExists));
        run.IsHeldByARegistry.ShouldBeFalse();
        (await ReadAsync(run.Release.Id)).Images.Single(image => image.Tag == "v1.0.0").Status.ShouldBe(ImageStatus.Pending);
    }

    [Fact]
    public async Task What_A_Later_Release_Of_The_Ref_Put_There_And_Did_Not_Publish_Is_Replaced()
    {
        await using var run = await ComeBackAsync(async () =>
        {
            // Its tag goes to another commit, and comes back.
            await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(2));
            await QueueAsync(Rule);
            var later = await ClaimRunAsync();
            await BuildAsync(later, _stranger);
            await _stranger.PushAsync(_registry.Host, Repository, "v1.0.0", Token);
            await RecordPushedAsync(later, later.Release.Images[0], _stranger);
            await History.Ledger.FinishAsync(later, ReleaseStatus.Rejected, new Reason(ReasonCode.RefMoved, "It moved."), [], Token);
        });

        (await Survey.ExamineAllAsync(run, Token)).ShouldBeNull();

        run.IsHeldByARegistry.ShouldBeFalse("it is to be pushed again");
    }

    [Fact]
    public async Task A_Registry_That_Does_Not_Answer_Is_Asked_Again_Before_The_Push()
    {
        await using var run = await ComeBackAsync();
        _way.On(_ => true, new ProxyFault.Answer(503), int.MaxValue);

        (await Survey.ExamineAllAsync(run, Token)).ShouldBeNull();

        (run.IsHeldByARegistry, run.Unconfirmed.Count()).ShouldBe((true, 1));
        await Should.ThrowAsync<RegistryException>(Survey.ConfirmAsync(run, run.Unconfirmed.Single(), Token));
    }

    [Fact]
    public async Task A_Registry_That_The_Engine_Did_Not_Get_Through_To_Is_Not_Waited_For_Once_It_Has_The_Image()
    {
        await using var run = await ComeBackAsync();
        var (version, latest) = (run.Release.Images[0], run.Release.Images[1]);
        var troubles = new PushTroubles(run, History.Ledger);
        await troubles.NoteAsync(latest, "too many requests", TimeSpan.FromSeconds(8), Token);
        troubles.Result().ShouldBeOfType<StageResult.Wait>();

        run.MarkPushed(latest, _image.Manifest.Digest);

        troubles.Result().ShouldBe(StageResult.Done);
        // What could not be confirmed is waited for though it counts as pushed.
        troubles.Add(version, "not read back", null);
        troubles.Result().ShouldBeOfType<StageResult.Wait>().Reason.Message.ShouldBe("Waiting for main: not read back");
    }

    /// <summary>A release that had its version in the registry, waited, and is in a worker's hand again.</summary>
    /// <param name="meanwhile">What happens while it waits.</param>
    private async Task<ReleaseRun> ComeBackAsync(Func<Task>? meanwhile = null)
    {
        var id = await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        await QueueAsync(Rule);
        var claimed = await ClaimRunAsync();
        await BuildAsync(claimed, _image);
        await _image.PushAsync(_registry.Host, Repository, "v1.0.0", Token);
        await RecordPushedAsync(claimed, claimed.Release.Images[0], _image);
        await History.Ledger.ParkAsync(claimed, new Reason(ReasonCode.RegistryUnavailable, "Waiting for main."), TimeSpan.FromHours(1), Token);
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        await History.Database.WriteAsync(
            (context, token) => context.Releases.Where(row => row.Id == id)
                .ExecuteUpdateAsync(row => row.SetProperty(release => release.NotBefore, release => release.CreatedAt), token),
            Token);
        claimed = await ClaimRunAsync();
        claimed.Release.Id.ShouldBe(id);
        return RunOf(claimed, Rule);
    }
}

public sealed class SecondLookOnSqlite() : SecondLookTests(new SqliteDatabases());

public sealed class SecondLookOnPostgres(PostgresServer server) : SecondLookTests(new PostgresDatabases(server));
