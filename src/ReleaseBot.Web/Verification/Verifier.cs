using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>
/// Asks GitLab about one accepted release and passes sentence: queued, rejected, or asked again later. Fails closed: while GitLab is away
/// a release waits, for as long as it takes.
/// </summary>
internal sealed partial class Verifier(
    GitLabClient gitLab, VerificationQueue queue, ProjectCatalog projects, TagBaseline baseline, IReadOnlyList<ProjectRule> rules, TimeProvider time,
    QueuedReleases queued, ILogger<Verifier> logger)
{
    /// <summary>A hook may be faster than GitLab's own replicas: a ref it does not know is asked for again this long.</summary>
    private static readonly TimeSpan UnknownRefLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UnknownRefCap = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan AwayCap = TimeSpan.FromMinutes(1);

    public async Task VerifyAsync(VerificationJob job, CancellationToken cancellationToken)
    {
        try
        {
            await JudgeAsync(job, cancellationToken);
        }
        catch (GitLabException exception)
        {
            // A token that GitLab refuses is the operator's to mend; the release must not be lost to it, so it waits as well.
            var code = exception.Fault == GitLabFault.Denied ? ReasonCode.GitlabDenied : ReasonCode.GitlabUnavailable;
            await queue.PostponeAsync(job, new Reason(code, exception.Message), Backoff.Next(job.Tries, FirstWait, AwayCap, exception.RetryAfter), cancellationToken);
            Log.Postponed(logger, job.ProjectPath, job.Ref.Name, exception.Message);
        }
        catch (FencedOffException)
        {
            Log.TakenOver(logger, job.ProjectPath, job.Ref.Name);
        }
    }

    private async Task JudgeAsync(VerificationJob job, CancellationToken cancellationToken)
    {
        // Both by the project's id, and at once: which rule is the right one follows from the path that GitLab says, and the ref counts only with it.
        var asked = (Project: gitLab.GetProjectAsync(job.ProjectId, cancellationToken), Ref: gitLab.GetRefAsync(job.ProjectId, job.Ref, cancellationToken));
        await Task.WhenAll(asked.Project, asked.Ref);
        var (project, found) = (await asked.Project, await asked.Ref);
        if (project is null || project.Id != job.ProjectId)
        {
            await WaitOrRejectAsync(job, null, new Reason(ReasonCode.ProjectMismatch,
                $"GitLab knows no project {job.ProjectId}, or the token may not see it: give the token's user access to {job.ProjectPath}."), cancellationToken);
            return;
        }

        var known = await projects.EnsureAsync(project.Id, project.Path, project.WebUrl.AbsoluteUri, cancellationToken);
        if (known.BaselineAt is null)
        {
            // First seen in a hook: the tags of now are the baseline, before later ones can be taken for old.
            await baseline.TakeAsync(project, cancellationToken);
        }

        // What the hook said of the path was a hint; the rule that counts is the one for the path that GitLab says.
        switch (ReleasePlanner.Judge(new RefEvent(project.Path, job.Ref, IsDeleted: false), rules))
        {
            case HookDecision.Accept accepted:
                await JudgeRefAsync(job, project, accepted.Rule, found, cancellationToken);
                return;
            case HookDecision.Ignore ignored:
                await RejectAsync(job, null, ReleaseStatus.Rejected, ignored.Reason, cancellationToken);
                return;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private async Task JudgeRefAsync(VerificationJob job, GitLabProject project, ProjectRule rule, GitLabRef? found, CancellationToken cancellationToken)
    {
        var verified = found is null ? null : new VerifiedRef(found.Target, found.Commit, found.CommittedAt, found.IsProtected);
        if (ReleasePlanner.Verify(job.Ref, job.Target, verified, rule) is { } refusal)
        {
            await RefuseAsync(job, rule, refusal, cancellationToken);
            return;
        }

        await PlanAsync(job, project, rule, verified!, cancellationToken);
    }

    private async Task PlanAsync(VerificationJob job, GitLabProject project, ProjectRule rule, VerifiedRef verified, CancellationToken cancellationToken)
    {
        switch (ReleasePlanner.Plan(rule, project.Path, job.Ref, verified.Commit, verified.CommittedAt))
        {
            case PlanResult.Refused refused:
                await RejectAsync(job, rule, ReleaseStatus.Rejected, refused.Reason, cancellationToken);
                return;
            case PlanResult.Planned planned:
                var conflict = await queue.QueueAsync(
                    job,
                    new VerifiedRelease
                    {
                        ProjectPath = project.Path,
                        ProjectUrl = project.WebUrl.AbsoluteUri,
                        Ref = verified,
                        Plan = planned.Plan,
                        Overwrite = rule.Overwrite,
                        Tellings = Tellings.Of(rule, job.Ref.Kind),
                    },
                    cancellationToken);
                if (conflict is null)
                {
                    Log.Queued(logger, project.Path, job.Ref.Name, verified.Commit.Short);
                    queued.Add(job.ReleaseId);
                }
                else
                {
                    Log.Rejected(logger, project.Path, job.Ref.Name, conflict.ToString());
                }

                return;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private Task RefuseAsync(VerificationJob job, ProjectRule rule, Reason refusal, CancellationToken cancellationToken) => refusal.Code switch
    {
        ReasonCode.RefGone => WaitOrRejectAsync(job, rule, refusal, cancellationToken),
        ReasonCode.RefMoved when job.Ref.Kind == RefKind.Branch =>
            RejectAsync(job, rule, ReleaseStatus.Superseded, refusal with { Code = ReasonCode.Superseded }, cancellationToken),
        _ => RejectAsync(job, rule, ReleaseStatus.Rejected, refusal, cancellationToken),
    };

    private async Task WaitOrRejectAsync(VerificationJob job, ProjectRule? rule, Reason reason, CancellationToken cancellationToken)
    {
        if (time.GetUtcNow() - job.AskedSince < UnknownRefLimit)
        {
            await queue.PostponeAsync(job, reason, Backoff.Next(job.Tries, FirstWait, UnknownRefCap, null), cancellationToken);
            return;
        }

        await RejectAsync(job, rule, ReleaseStatus.Rejected, reason, cancellationToken);
    }

    private async Task RejectAsync(VerificationJob job, ProjectRule? rule, ReleaseStatus status, Reason reason, CancellationToken cancellationToken)
    {
        await queue.RejectAsync(job, status, reason, Tellings.Of(rule, job.Ref.Kind), cancellationToken);
        Log.Rejected(logger, job.ProjectPath, job.Ref.Name, reason.ToString());
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Project} {Ref} is verified at {Commit} and queued.")]
        public static partial void Queued(ILogger logger, string project, string @ref, string commit);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "{Project} {Ref} is not published: {Reason}")]
        public static partial void Rejected(ILogger logger, string project, string @ref, string reason);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "{Project} {Ref} waits for GitLab: {Message}")]
        public static partial void Postponed(ILogger logger, string project, string @ref, string message);

        [LoggerMessage(EventId = 4, Level = LogLevel.Information, Message = "{Project} {Ref} was taken over while it was verified.")]
        public static partial void TakenOver(ILogger logger, string project, string @ref);
    }
}
