using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Integration.Registries;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>What a release that an operator cancels in its push still does, and what it says of it.</summary>
public abstract class CancelInPushTests(IDatabases databases) : WorkerTest(databases)
{
    private readonly TestImage _image = TestImage.Create(64);
    private DockerRegistry _registry = null!;
    private RegistryClients _clients = null!;
    private DockerEngine _engine = null!;

    private ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [ImagesOf("main", _registry.Host, "{tag}", "latest", "{major}")],
    };

    private ImageSurvey Survey => new(_clients, History.Tags, History.Ledger, _engine);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _registry = await StartRegistryAsync();
        _engine = Keep(new DockerEngine(new EngineSettings(), TimeProvider.System, NullLogger<DockerEngine>.Instance));
        _clients = ClientsOf(("main", _registry.Host));
    }

    [Fact]
    public async Task A_Cancel_That_Was_Answered_Stops_Before_The_Next_Stage_And_Before_The_Next_Tag()
    {
        var claimed = await PushVersionAsync();
        await History.Ledger.StartStageAsync(claimed, StageName.Tags, ReleaseStatus.Pushing, Token);
        await CancelAsync(claimed);
        await using var run = RunOf(claimed, Rule);

        // The lease need not have heard of it.
        await Should.ThrowAsync<CancelRequestedException>(
            new TagsStage(new TagMover(_clients, History.Tags, TimeProvider.System), History.Ledger).RunAsync(run, Token));
        await Should.ThrowAsync<CancelRequestedException>(History.Ledger.StartStageAsync(claimed, StageName.Notify, ReleaseStatus.Pushing, Token));
        await Should.ThrowAsync<CancelRequestedException>(History.Tags.BeginPushAsync(claimed, run.Carriers.Single(), Token));

        run.Followers.ShouldAllBe(image => image.Status == ImageStatus.Pending);
        (await SeenAsync("latest")).ShouldBeNull();
        await History.Ledger.FinishAsync(claimed, ReleaseStatus.Canceled, new Reason(ReasonCode.Canceled, "Canceled by ops."), [], Token);
    }

    [Fact]
    public async Task What_A_Canceled_Run_Put_Is_Written_Down_Under_The_Tags_Lock_Alone()
    {
        var claimed = await PushVersionAsync();
        await History.Tags.OpenPutAsync(claimed, claimed.Release.Images.Single(image => image.Tag == "latest"), _image.Manifest.Digest, Token);
        await _image.PushAsync(_registry.Host, Repository, "latest", Token);
        await CancelAsync(claimed);
        await using var run = RunOf(claimed, Rule);
        var latest = run.Followers.Single(image => image.Tag == "latest");
        var another = await QueueAsync("v2.0.0", 2);
        (await History.Tags.TryLockAsync(another, latest.Image, History.Lease, Token)).ShouldBeTrue();

        (await Survey.AdoptPutsAsync(run, Token)).ShouldHaveSingleItem().ShouldBe((latest, "somebody else was moving the tag."));
        (latest.Status, await History.Queries.TagOwnerAsync(latest.Image, Token)).ShouldBe((ImageStatus.Pending, null), "whoever has the tag knows what becomes of it");
        await History.Tags.UnlockAsync(another, latest.Image, Token);
        (await Survey.AdoptPutsAsync(run, Token)).ShouldBeEmpty();

        latest.Status.ShouldBe(ImageStatus.Pushed);
        (await History.Queries.TagOwnerAsync(latest.Image, Token)).ShouldNotBeNull().Digest.ShouldBe(_image.Manifest.Digest.Value);
        (await History.Tags.TryLockAsync(another, latest.Image, History.Lease, Token)).ShouldBeTrue("it is free again");
    }

    [Fact]
    public async Task A_Put_That_Was_Under_Way_May_Come_Yet_And_Is_Told_As_Such()
    {
        var claimed = await QueueAsync("v1.0.0", 1);
        await BuildAsync(claimed, _image);
        await CancelAsync(claimed);
        await using var run = RunOf(claimed, Rule);
        var version = run.Carriers.Single();
        await Should.ThrowAsync<OperationCanceledException>(run.PutAsync<bool>(version, () => throw new OperationCanceledException()));

        (await new LastLook(Survey, History.Ledger, TimeProvider.System).TakeAsync(run, Token)).ShouldBeEmpty("its registry was asked");

        var row = (await ReadAsync(claimed.Release.Id)).Images.Single(image => image.Tag == version.Tag);
        (row.Status, row.Reason).ShouldBe((ImageStatus.Pending, PossiblePuts.MayComeYet));
    }

    /// <summary>A release whose version is in the registry, and nothing else of it.</summary>
    private async Task<ClaimedRun> PushVersionAsync()
    {
        var claimed = await QueueAsync("v1.0.0", 1);
        var version = claimed.Release.Images.Single(image => image.Kind == ImageTagKind.Version);
        await BuildAsync(claimed, _image);
        await _image.PushAsync(_registry.Host, Repository, version.Tag, Token);
        await RecordPushedAsync(claimed, version, _image);
        (claimed.Release.ImageId, claimed.Release.Digest, version.Status) = (_image.Manifest.ConfigDigest!.Value, _image.Manifest.Digest.Value, ImageStatus.Pushed);
        return claimed;
    }

    private async Task<ClaimedRun> QueueAsync(string tag, int target)
    {
        var id = await AcceptAsync(7, GitRef.Tag(tag), Object(target));
        await QueueAsync(Rule);
        // Of one repository, so the first would keep it from running.
        await History.Database.WriteAsync((context, token) => context.ResourceLocks.ExecuteDeleteAsync(token), Token);
        var claimed = await ClaimRunAsync();
        claimed.Release.Id.ShouldBe(id);
        return claimed;
    }

    private async Task CancelAsync(ClaimedRun claimed) =>
        (await History.Operations.CancelAsync(claimed.Release.Id, "ops", Token)).ShouldBe(OperationOutcome.Done);

    private async Task<Digest?> SeenAsync(string tag) => await _clients.Get("main").HeadManifestAsync(Repository, tag, Token);
}

public sealed class CancelInPushOnSqlite() : CancelInPushTests(new SqliteDatabases());

public sealed class CancelInPushOnPostgres(PostgresServer server) : CancelInPushTests(new PostgresDatabases(server));
