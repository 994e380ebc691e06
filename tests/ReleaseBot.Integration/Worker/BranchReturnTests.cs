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

/// <summary>A branch that comes back to a commit that it was published from (A, B, A), at a real registry.</summary>
public abstract class BranchReturnTests(IDatabases databases) : WorkerTest(databases)
{
    private static readonly GitRef Branch = GitRef.Branch("main");

    private DockerRegistry _registry = null!;
    private RegistryClients _clients = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _registry = await StartRegistryAsync();
        _clients = ClientsOf(("main", _registry.Host));
    }

    [Theory]
    [InlineData(OverwritePolicy.Refuse)]
    [InlineData(OverwritePolicy.Allow)]
    public async Task The_Tag_Of_The_Commit_Keeps_Its_Image_And_Nothing_Is_Built(OverwritePolicy overwrite)
    {
        var rule = RuleOf(overwrite);
        var first = await PublishAsync(rule, 1);
        await PublishAsync(rule, 2);

        var (back, isAvailable) = await ExamineAsync(await QueueAsync(rule, 1, before: 2), rule);

        isAvailable.ShouldBeTrue("an image that is to be had is not built");
        (back.Status, back.Digest).ShouldBe((ImageStatus.Pushed, first.Value));
    }

    [Fact]
    public async Task What_Somebody_Else_Put_There_Meanwhile_Is_Replaced_Where_That_Is_Allowed()
    {
        var rule = RuleOf(OverwritePolicy.Allow);
        await PublishAsync(rule, 1);
        await PublishAsync(rule, 2);
        await TestImage.Create(64).PushAsync(_registry.Host, Repository, Object(1).Value, Token);

        var (back, isAvailable) = await ExamineAsync(await QueueAsync(rule, 1, before: 2), rule);

        isAvailable.ShouldBeFalse();
        back.Status.ShouldBe(ImageStatus.Pending);
    }

    /// <summary>What the source stage does.</summary>
    private async Task<(ReleaseImage OfCommit, bool IsAvailable)> ExamineAsync(ClaimedRun claimed, ProjectRule rule)
    {
        await using DockerEngine engine = new(new EngineSettings(), TimeProvider.System, NullLogger<DockerEngine>.Instance);
        ImageSurvey survey = new(_clients, History.Tags, History.Ledger, engine);
        await using var run = RunOf(claimed, rule);
        (await survey.ExamineAllAsync(run, Token)).ShouldBeNull();
        return (run.Carriers.ShouldHaveSingleItem(), await survey.IsImageAvailableAsync(run, Token));
    }

    private ProjectRule RuleOf(OverwritePolicy overwrite) => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [ImagesOf("main", _registry.Host, "{branch}", "{sha}")],
        Overwrite = overwrite,
    };

    private async Task<ClaimedRun> QueueAsync(ProjectRule rule, int commit, int before)
    {
        await AcceptAsync(7, Branch, Object(commit), Object(before));
        await QueueAsync(rule);
        return await ClaimRunAsync();
    }

    private async Task<Digest> PublishAsync(ProjectRule rule, int commit)
    {
        var image = TestImage.Create(64);
        var run = await QueueAsync(rule, commit, before: commit - 1);
        await BuildAsync(run, image, rule.Overwrite);
        foreach (var row in run.Release.Images)
        {
            await image.PushAsync(_registry.Host, Repository, row.Tag, Token);
            await RecordPushedAsync(run, row, image);
        }

        await History.Ledger.FinishAsync(run, ReleaseStatus.Published, null, [], Token);
        return image.Manifest.Digest;
    }
}

public sealed class BranchReturnsOnSqlite() : BranchReturnTests(new SqliteDatabases());

public sealed class BranchReturnsOnPostgres(PostgresServer server) : BranchReturnTests(new PostgresDatabases(server));
