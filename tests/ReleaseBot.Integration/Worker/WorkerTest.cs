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

namespace ReleaseBot.Integration.Worker;

/// <summary>What a worker does with a release of <c>acme/app-7</c>, piece by piece, on a history of its own.</summary>
public abstract class WorkerTest(IDatabases databases) : HistoryTest(databases)
{
    protected const string Repository = "acme/app-7";

    private protected RegistryClients ClientsOf(params (string Name, string Host)[] registries) => Keep(new RegistryClients(
        registries.ToDictionary(registry => registry.Name, registry => new RegistrySettings { Name = registry.Name, Host = registry.Host, Insecure = true }),
        new TrustedRealms(new Uri("https://gitlab.example/")), TimeProvider.System, NullLoggerFactory.Instance));

    private protected async Task<DockerRegistry> StartRegistryAsync() => Keep(await DockerRegistry.StartAsync(new DockerRegistryOptions(), Token));

    /// <summary>A way to a registry on which requests can be held up, lost or answered otherwise.</summary>
    private protected async Task<FaultProxy> WayToAsync(DockerRegistry registry) => Keep(await FaultProxy.StartAsync(registry.Host, Token));

    protected static ImageRule ImagesOf(string registry, string host, params string[] tags) =>
        new(registry, host, Template.Parse(Repository), [.. tags.Select(Template.Parse)]);

    /// <summary>Verifies what was accepted last, as this rule has it, so that it waits for a worker.</summary>
    protected async Task QueueAsync(ProjectRule rule)
    {
        var job = await ClaimVerificationAsync();
        (await History.Verification.QueueAsync(job, Verified(job, overwrite: rule.Overwrite) with { Plan = PlanOf(rule, job.Ref, job.Target) }, Token)).ShouldBeNull();
    }

    private protected ReleaseRun RunOf(ClaimedRun claimed, ProjectRule rule) => new(
        claimed, rule, PlanOf(rule, claimed.Release.Ref, ObjectId.Parse(claimed.Release.Commit!)), LogOf(claimed));

    /// <summary>Takes the release's names and writes down what it built.</summary>
    private protected async Task BuildAsync(ClaimedRun run, TestImage image, OverwritePolicy overwrite = OverwritePolicy.Refuse)
    {
        (await History.Tags.ReserveAsync(run, overwrite, Token)).ShouldBeNull();
        await History.Ledger.RecordBuiltAsync(run, image.Manifest.ConfigDigest!.Value, Token);
    }

    /// <summary>Writes down that an image tag holds what was built; what its registry holds is the test's.</summary>
    private protected Task RecordPushedAsync(ClaimedRun run, ReleaseImage row, TestImage image) =>
        History.Tags.RecordMoveAsync(run, row, null, image.Manifest.Digest, TagVerdict.Created, "first", Token);

    /// <summary>Publishes a version as the history has it; what the registries hold is the test's.</summary>
    private protected async Task PublishAsync(ProjectRule rule, string tag, int commit, TestImage image)
    {
        await AcceptAsync(7, GitRef.Tag(tag), Object(commit));
        await QueueAsync(rule);
        var run = await ClaimRunAsync();
        await BuildAsync(run, image);
        foreach (var row in run.Release.Images)
        {
            await RecordPushedAsync(run, row, image);
        }

        await History.Ledger.FinishAsync(run, ReleaseStatus.Published, null, [], Token);
    }

    /// <summary>Compares every tag that is ever compared with its registry, now.</summary>
    /// <param name="isRestoring">Whether versions are put back, whoever moved them.</param>
    /// <param name="tags">How many there are.</param>
    private protected async Task CheckDriftAsync(RegistryClients clients, ProjectRule rule, bool isRestoring, int tags)
    {
        await History.Database.WriteAsync(
            (context, token) => context.TagOwners.Where(owner => owner.NextCheckAt != null).ExecuteUpdateAsync(
                owner => owner.SetProperty(row => row.NextCheckAt, DateTimeOffset.UnixEpoch), token),
            Token);
        using var wakeUps = new WorkerWakeUps(TimeProvider.System);
        var check = new DriftCheck(
            clients, History.Drift, new PublishingSettings { RestoreVersions = isRestoring }, [rule], wakeUps, TimeProvider.System, NullLogger<DriftCheck>.Instance);
        (await check.RunAsync(Token)).ShouldBe(tags);
    }

    /// <summary>Carries out the wish for a tag that is next.</summary>
    private protected async Task CarryOutAsync(RegistryClients clients)
    {
        var runner = new TagChangeRunner(clients, History.Changes, new PublishingSettings(), TimeProvider.System, NullLogger<TagChangeRunner>.Instance);
        await runner.RunAsync((await History.Changes.ClaimAsync(TagChangeRunner.Lease, Token)).ShouldNotBeNull(), Token);
    }

    protected static async Task UntilAsync(Func<Task<bool>> isTrue)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30), TimeProvider.System);
        while (!await isTrue())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, limit.Token);
        }
    }

    private static ReleasePlan PlanOf(ProjectRule rule, GitRef gitRef, ObjectId commit) =>
        ReleasePlanner.Plan(rule, Repository, gitRef, commit, DateTimeOffset.UnixEpoch).ShouldBeOfType<PlanResult.Planned>().Plan;
}
