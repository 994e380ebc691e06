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

/// <summary>A release that waits, is canceled, and of whose puts some came to pass though their answers were lost, with two real registries.</summary>
public abstract class CancelOfParkedTests(IDatabases databases) : WorkerTest(databases)
{
    private readonly TestImage _image = TestImage.Create(64);
    private DockerRegistry _main = null!;
    private DockerRegistry _other = null!;
    private FaultProxy _way = null!;
    private RegistryClients _clients = null!;
    private TestWorker _worker = null!;

    private ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [ImagesOf("main", _main.Host, "{tag}", "latest"), ImagesOf("other", _way.Host, "{tag}", "latest")],
    };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _main = await StartRegistryAsync();
        _other = await StartRegistryAsync();
        _way = await WayToAsync(_other);
        _clients = ClientsOf(("main", _main.Host), ("other", _way.Host));
        _worker = Keep(new TestWorker(History, _clients, Rule, new GitLabSettings()));
    }

    [Fact]
    public async Task What_Was_Put_Without_An_Answer_Is_Told_As_Pushed()
    {
        var id = await ParkAsync();

        (await History.Operations.CancelAsync(id, "ops", Token)).ShouldBe(OperationOutcome.Done);
        await _worker.RunAsync(await ClaimRunAsync(), Token);

        var canceled = await ReadAsync(id);
        (canceled.Status, canceled.ReasonMessage).ShouldBe((ReleaseStatus.Canceled, "Canceled by ops. What was pushed already stays."));
        canceled.Images.OrderBy(image => image.Ordinal).Select(image => (image.Status, image.Digest, image.ReasonCode)).ShouldBe(
        [
            (ImageStatus.Pushed, _image.Manifest.Digest.Value, null),
            (ImageStatus.Pushed, _image.Manifest.Digest.Value, null),
            (ImageStatus.Pushed, _image.Manifest.Digest.Value, null),
            (ImageStatus.Pending, null, null),
        ]);
        var latest = (await History.Queries.TagOwnerAsync(canceled.Images.Single(image => image is { Tag: "latest", Registry: "main" }).Image, Token)).ShouldNotBeNull();
        (latest.Digest, latest.ReleaseId).ShouldBe((_image.Manifest.Digest.Value, id));
        (await History.RowsAsync<OpenPut>()).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_A_Registry_That_Stays_Away_May_Hold_Is_Told_As_Not_Known_And_The_Others_Are_Asked_All_The_Same()
    {
        var id = await ParkAsync();
        _way.On(_ => true, new ProxyFault.Answer(503), int.MaxValue);

        (await History.Operations.CancelAsync(id, "ops", Token)).ShouldBe(OperationOutcome.Done);
        await _worker.RunAsync(await ClaimRunAsync(), Token);

        var canceled = await ReadAsync(id);
        canceled.Status.ShouldBe(ReleaseStatus.Canceled);
        canceled.ReasonMessage.ShouldBe("Canceled by ops. What was pushed already stays. What other may hold besides could not be asked.");
        var images = canceled.Images.OrderBy(image => image.Ordinal).ToList();
        images.ConvertAll(image => (image.Status, image.ReasonCode)).ShouldBe(
        [
            (ImageStatus.Pushed, null),
            (ImageStatus.Pushed, null),
            (ImageStatus.Pending, ReasonCode.RegistryUnavailable),
            (ImageStatus.Pending, null),
        ]);
        images[2].ReasonMessage.ShouldNotBeNull().ShouldContain("whether it came to pass is not known");
    }

    [Fact]
    public async Task A_Late_Put_Of_A_Tag_That_Went_On_Is_Not_Written_Down()
    {
        var id = await ParkAsync();
        // By the history, while the late put has the registry say something else.
        await PublishAsync(Rule, "v2.0.0", 2, TestImage.Create(65));

        await History.Operations.CancelAsync(id, "ops", Token);
        await _worker.RunAsync(await ClaimRunAsync(), Token);

        var canceled = await ReadAsync(id);
        var latest = canceled.Images.Single(image => image is { Tag: "latest", Registry: "main" });
        (canceled.Status, latest.Status).ShouldBe((ReleaseStatus.Canceled, ImageStatus.Pending));
        (await History.Queries.TagOwnerAsync(latest.Image, Token)).ShouldNotBeNull().Version.ShouldBe("2.0.0");
        (await History.RowsAsync<OpenPut>()).ShouldHaveSingleItem("it is the evidence by which the tag is put back");
    }

    [Fact]
    public async Task What_An_Earlier_Attempt_Has_Written_Down_Is_Told_As_Pushed_And_Written_Down_Once()
    {
        var id = await ParkAsync();
        await History.Operations.CancelAsync(id, "ops", Token);
        await _worker.RunAsync(await ClaimRunAsync(), Token);
        (await History.Operations.RetryAsync(id, Token)).ShouldBe(OperationOutcome.Done);
        await QueueAsync(Rule);

        (await History.Operations.CancelAsync(id, "ops", Token)).ShouldBe(OperationOutcome.Done);
        await _worker.RunAsync(await ClaimRunAsync(), Token);

        var canceled = await ReadAsync(id);
        canceled.Status.ShouldBe(ReleaseStatus.Canceled);
        canceled.Images.OrderBy(image => image.Ordinal).Select(image => image.Status).ShouldBe(
            [ImageStatus.Pushed, ImageStatus.Pushed, ImageStatus.Pushed, ImageStatus.Pending]);
        var latest = canceled.Images.Single(image => image is { Tag: "latest", Registry: "main" });
        (await History.Queries.MovesAsync(latest.Image, 10, Token)).ShouldHaveSingleItem().Verdict.ShouldBe(TagVerdict.Adopted);
    }

    [Fact]
    public async Task A_Canceled_Release_That_No_Rule_Publishes_Any_More_Is_Canceled_And_Not_Rejected()
    {
        var id = await ParkAsync();
        await using TestWorker worker = new(History, _clients, Rule with { Path = new ProjectPathPattern("none/**") }, new GitLabSettings());

        await History.Operations.CancelAsync(id, "ops", Token);
        await worker.RunAsync(await ClaimRunAsync(), Token);

        var canceled = await ReadAsync(id);
        (canceled.Status, canceled.ReasonMessage).ShouldBe(
            (ReleaseStatus.Canceled, "Canceled by ops. What was pushed already stays. What main, other may hold besides could not be asked."));
    }

    /// <summary>
    /// A release that has its version at one registry, and waits for the other: that got the version too and did not say so, and the first did the same with
    /// <c>latest</c>.
    /// </summary>
    private async Task<Guid> ParkAsync()
    {
        await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        await QueueAsync(Rule);
        var claimed = await ClaimRunAsync();
        var (version, latest, other) = (claimed.Release.Images[0], claimed.Release.Images[1], claimed.Release.Images[2]);
        await BuildAsync(claimed, _image);
        await _image.PushAsync(_main.Host, Repository, "v1.0.0", Token);
        await RecordPushedAsync(claimed, version, _image);
        await History.Tags.BeginPushAsync(claimed, other, Token);
        await _image.PushAsync(_other.Host, Repository, "v1.0.0", Token);
        await History.Tags.OpenPutAsync(claimed, latest, _image.Manifest.Digest, Token);
        await _image.PushAsync(_main.Host, Repository, "latest", Token);
        await History.Ledger.ParkAsync(claimed, new Reason(ReasonCode.RegistryUnavailable, "Waiting for other."), TimeSpan.FromHours(1), Token);
        return claimed.Release.Id;
    }
}

public sealed class CancelOfParkedOnSqlite() : CancelOfParkedTests(new SqliteDatabases());

public sealed class CancelOfParkedOnPostgres(PostgresServer server) : CancelOfParkedTests(new PostgresDatabases(server));
