using System.Text;
using ReleaseBot.Core;
using ReleaseBot.History;
using Shouldly;

namespace ReleaseBot.Integration.Web;

/// <summary>Takes releases further, by the stores that the verifier and the worker use.</summary>
internal static class Steps
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    /// <summary>Rejects the one release that is being verified.</summary>
    public static async Task RejectAsync(this WebFixture web)
    {
        var queue = web.Get<VerificationQueue>();
        var job = await queue.ClaimAsync("verifier", Lease, WebFixture.Cancellation);
        await queue.RejectAsync(
            job.ShouldNotBeNull(), ReleaseStatus.Rejected, new Reason(ReasonCode.RefNotProtected, "The tag is not protected."), [], WebFixture.Cancellation);
    }

    /// <summary>Queues the release that is due, as if GitLab had said yes.</summary>
    public static async Task<Guid> QueueAsync(this WebFixture web)
    {
        var queue = web.Get<VerificationQueue>();
        var job = (await queue.ClaimAsync("verifier", Lease, WebFixture.Cancellation)).ShouldNotBeNull();
        var rule = web.Get<ReleaseBotSettings>().Projects[0];
        var verified = new VerifiedRef(job.Target, job.Target, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), IsProtected: true);
        var plan = ReleasePlanner.Plan(rule, job.ProjectPath, job.Ref, verified.Commit, verified.CommittedAt).ShouldBeOfType<PlanResult.Planned>().Plan;
        var refusal = await queue.QueueAsync(
            job,
            new VerifiedRelease { ProjectPath = job.ProjectPath, Ref = verified, Plan = plan, Overwrite = rule.Overwrite, Tellings = [] },
            WebFixture.Cancellation);
        refusal.ShouldBeNull();
        return job.ReleaseId;
    }

    /// <summary>Queues the release that is due, and has a worker take it.</summary>
    public static async Task<ClaimedRun> StartRunAsync(this WebFixture web)
    {
        await web.QueueAsync();
        return (await web.Get<RunQueue>().ClaimAsync("worker-1", engine: null, Lease, WebFixture.Cancellation)).ShouldNotBeNull();
    }

    public static Task LogAsync(this WebFixture web, ClaimedRun run, string text) =>
        web.Get<ReleaseLogStore>().AppendAsync(run.Release.Id, run.Fence, Encoding.UTF8.GetBytes(text), WebFixture.Cancellation);

    /// <summary>Publishes every image of a run with one digest.</summary>
    public static async Task<Digest> PublishAsync(this WebFixture web, ClaimedRun run)
    {
        var digest = Digest.Of(Encoding.UTF8.GetBytes(run.Release.Id.ToString()));
        var (ledger, tags) = (web.Get<RunLedger>(), web.Get<TagLedger>());
        (await tags.ReserveAsync(run, OverwritePolicy.Refuse, WebFixture.Cancellation)).ShouldBeNull();
        await ledger.StartStageAsync(run, StageName.Push, ReleaseStatus.Pushing, WebFixture.Cancellation);
        foreach (var image in run.Release.Images)
        {
            await tags.RecordMoveAsync(run, image, null, digest, TagVerdict.Created, "first", WebFixture.Cancellation);
        }

        await ledger.FinishAsync(run, ReleaseStatus.Published, null, [], WebFixture.Cancellation);
        return digest;
    }

    public static async Task<Digest> PublishHookAsync(this WebFixture web, string tag, string project = "acme/shop", long projectId = 7)
    {
        (await web.HookAsync(Hooks.Tag(tag, project, projectId))).Outcome.ShouldBe("accepted");
        return await web.PublishAsync(await web.StartRunAsync());
    }
}
