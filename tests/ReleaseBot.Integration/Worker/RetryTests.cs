using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Engine;
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

/// <summary>A release that one registry took and another denied, tried again where no engine has its image any more, with two real registries.</summary>
public abstract class RetryTests(IDatabases databases) : WorkerTest(databases)
{
    private DockerRegistry _holder = null!;
    private DockerRegistry _other = null!;
    private FaultProxy _way = null!;
    private RegistryClients _clients = null!;
    private DockerEngine _engine = null!;

    private ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [ImagesOf("holder", _way.Host, "{tag}"), ImagesOf("other", _other.Host, "{tag}")],
    };

    private ImageSurvey Survey => new(_clients, History.Tags, History.Ledger, _engine);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _holder = await StartRegistryAsync();
        _other = await StartRegistryAsync();
        _way = await WayToAsync(_holder);
        _clients = ClientsOf(("holder", _way.Host), ("other", _other.Host));
        _engine = Keep(new DockerEngine(
            new EngineSettings { Endpoint = new Uri("unix:///nonexistent/docker.sock") }, TimeProvider.System, NullLogger<DockerEngine>.Instance));
    }

    [Fact]
    public async Task What_A_Registry_Holds_That_Is_Away_Is_Waited_For_And_Not_Built_Again()
    {
        await using var run = await RetryAsync(TestImage.Create(64));
        _way.On(_ => true, new ProxyFault.Answer(503), int.MaxValue);

        (await Survey.ExamineAllAsync(run, Token)).ShouldBeOfType<StageResult.Wait>().Reason.Code.ShouldBe(ReasonCode.RegistryUnavailable);
    }

    [Fact]
    public async Task What_A_Registry_Holds_Is_Copied_From_There_And_Not_Built_Again()
    {
        var image = TestImage.Create(64);
        await using var run = await RetryAsync(image);

        (await Survey.ExamineAllAsync(run, Token)).ShouldBeNull();
        (await Survey.IsImageAvailableAsync(run, Token)).ShouldBeTrue();
        var spread = new ImageSpread(_clients, Survey, History.Tags);
        (await spread.RunAsync(run, new PushTroubles(run, History.Ledger), Token)).ShouldBeNull();

        (await _clients.Get("other").HeadManifestAsync(Repository, "v1.0.0", Token)).ShouldBe(image.Manifest.Digest);
        (await ReadAsync(run.Release.Id)).Images.ShouldAllBe(row => row.Status == ImageStatus.Pushed && row.Digest == image.Manifest.Digest.Value);
    }

    private async Task<ReleaseRun> RetryAsync(TestImage image)
    {
        await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        await QueueAsync(Rule);
        var first = await ClaimRunAsync();
        var (held, denied) = (first.Release.Images[0], first.Release.Images[1]);
        await BuildAsync(first, image);
        await image.PushAsync(_holder.Host, Repository, "v1.0.0", Token);
        await RecordPushedAsync(first, held, image);
        var reason = new Reason(ReasonCode.PushDenied, "denied");
        await History.Ledger.FinishAsync(first, ReleaseStatus.Failed, reason, [new ImageFailure(denied.Ordinal, reason)], TellAll, Token);

        (await History.Operations.RetryAsync(first.Release.Id, Token)).ShouldBe(OperationOutcome.Done);
        await QueueAsync(Rule);
        var again = await ClaimRunAsync();
        again.Release.Images.ShouldAllBe(row => row.Status == ImageStatus.Pending);
        return RunOf(again, Rule);
    }
}

public sealed class RetriesOnSqlite() : RetryTests(new SqliteDatabases());

public sealed class RetriesOnPostgres(PostgresServer server) : RetryTests(new PostgresDatabases(server));
