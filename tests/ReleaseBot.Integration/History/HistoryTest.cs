using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>A test with a database of its own. Each class of tests has two heirs, one for each database.</summary>
public abstract class HistoryTest(IDatabases databases) : IAsyncLifetime
{
    protected const string Host = "registry.example";

    private readonly Stack<object> _kept = new();
    private HistoryHost? _history;
    private int _keys;

    protected HistoryHost History => _history ?? throw new InvalidOperationException("The test has not begun.");

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    protected static IReadOnlyList<NotifyRule> TellAll { get; } = [new("team", Enum.GetValues<Outcome>().ToHashSet())];

    public virtual async ValueTask InitializeAsync() => _history = await databases.CreateAsync(null, Token);

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        while (_kept.TryPop(out var part))
        {
            if (part is IAsyncDisposable asynchronous)
            {
                await asynchronous.DisposeAsync();
            }
            else
            {
                ((IDisposable)part).Dispose();
            }
        }

        if (_history is not null)
        {
            await _history.DisposeAsync();
        }
    }

    /// <summary>What is to be disposed of when the test is over, the latest first.</summary>
    private protected T Keep<T>(T part)
        where T : notnull
    {
        _kept.Push(part);
        return part;
    }

    /// <summary>The log that a run writes, until the test is over.</summary>
    private protected RunLog LogOf(ClaimedRun claimed) => Keep(
        new RunLog(History.Logs, claimed.Release.Id, claimed.Fence, new SecretMask([]), TimeProvider.System, NullLogger.Instance));

    protected static ObjectId Object(int number) => ObjectId.Parse(number.ToString("x40", null));

    protected static NewRelease Release(long project, GitRef gitRef, ObjectId target, ObjectId before = default) => new()
    {
        ProjectId = project,
        ProjectPath = $"acme/app-{project}",
        Ref = gitRef,
        Target = target,
        Before = before,
        Trigger = TriggerKind.Webhook,
        User = "jdoe",
    };

    protected NewDelivery Delivery(string key, NewRelease? release, string body = "{}") => new()
    {
        Key = key,
        ReceivedAt = History.Time.GetUtcNow(),
        Event = "Tag Push Hook",
        ProjectId = release?.ProjectId,
        ProjectPath = release?.ProjectPath,
        Ref = release?.Ref.FullName,
        After = release?.Target.Value,
        Headers = "{}",
        Body = Encoding.UTF8.GetBytes(body),
        Release = release,
        Ignored = release is null ? new Reason(ReasonCode.NoMatchingProject, "No entry matches.") : null,
    };

    protected async Task<Guid> AcceptAsync(long project, GitRef gitRef, ObjectId target, ObjectId before = default)
    {
        var stored = await History.Intake.StoreAsync(Delivery($"key-{Interlocked.Increment(ref _keys)}", Release(project, gitRef, target, before)), Token);
        stored.Outcome.ShouldBe(DeliveryOutcome.Accepted);
        return stored.ReleaseId!.Value;
    }

    protected async Task<VerificationJob> ClaimVerificationAsync() =>
        (await History.Verification.ClaimAsync("web", History.Lease, Token)).ShouldNotBeNull();

    /// <summary>What a rule with these tags makes of the ref, e.g. <c>{tag}</c> and <c>latest</c> in the project's own repository.</summary>
    protected static VerifiedRelease Verified(VerificationJob job, string? repository = null, OverwritePolicy overwrite = OverwritePolicy.Refuse, params string[] tags)
    {
        IReadOnlyList<Template> templates = [.. (tags.Length == 0 ? ["{tag}", "latest"] : tags).Select(Template.Parse)];
        var rule = new ProjectRule
        {
            Path = new ProjectPathPattern("**"),
            Images = [new ImageRule("main", Host, Template.Parse(repository ?? "{project.path}"), templates)],
        };
        var plan = ReleasePlanner.Plan(rule, job.ProjectPath, job.Ref, job.Target, DateTimeOffset.UnixEpoch).ShouldBeOfType<PlanResult.Planned>().Plan;
        return new VerifiedRelease
        {
            ProjectPath = job.ProjectPath,
            Ref = new VerifiedRef(job.Target, job.Target, DateTimeOffset.UnixEpoch, IsProtected: true),
            Plan = plan,
            Overwrite = overwrite,
            Tellings = TellAll,
        };
    }

    /// <summary>Accepts a tag and verifies it, so that it waits for a worker.</summary>
    protected async Task<Guid> QueueTagAsync(long project, string tag, int target, string? repository = null)
    {
        var id = await AcceptAsync(project, GitRef.Tag(tag), Object(target));
        var job = await ClaimVerificationAsync();
        job.ReleaseId.ShouldBe(id);
        (await History.Verification.QueueAsync(job, Verified(job, repository), Token)).ShouldBeNull();
        return id;
    }

    /// <summary>The release of a tag, in a worker's hand.</summary>
    protected async Task<ClaimedRun> RunAsync()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        return await ClaimRunAsync();
    }

    protected async Task<ClaimedRun> ClaimRunAsync() => (await History.Runs.ClaimAsync("worker", engine: null, History.Lease, Token)).ShouldNotBeNull();

    /// <summary>Carries a claimed release to its good end.</summary>
    protected async Task PublishAsync(ClaimedRun run, OverwritePolicy overwrite = OverwritePolicy.Refuse)
    {
        (await History.Tags.ReserveAsync(run, overwrite, Token)).ShouldBeNull();
        await History.Ledger.RecordBuiltAsync(run, "sha256:" + new string('1', 64), Token);
        var digest = DigestOf(run);
        foreach (var image in run.Release.Images)
        {
            await History.Tags.RecordMoveAsync(run, image, null, digest, TagVerdict.Created, "first", Token);
        }

        await History.Ledger.FinishAsync(run, ReleaseStatus.Published, null, TellAll, Token);
    }

    protected static Digest DigestOf(ClaimedRun run) => Digest.Of(Encoding.UTF8.GetBytes(run.Release.Target));

    protected async Task FailAsync(ClaimedRun run) =>
        await History.Ledger.FinishAsync(run, ReleaseStatus.Failed, new Reason(ReasonCode.BuildFailed, "exit code 1"), TellAll, Token);

    protected async Task<Release> ReadAsync(Guid id) => (await History.Queries.ReleaseAsync(id, Token)).ShouldNotBeNull();
}
