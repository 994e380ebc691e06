using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>
/// Asks GitLab once more, takes the names, and brings the bytes everywhere: the engine pushes to the first registry that can take them, the
/// others get the same manifest and blobs from there. What an earlier attempt pushed is not pushed again.
/// </summary>
internal sealed class PushStage(GitLabClient gitLab, TagLedger tags, RunLedger ledger, ImageSurvey survey, FirstPush firstPush, ImageSpread spread) : IReleaseStage
{
    public StageName Name => StageName.Push;

    public ReleaseStatus Status => ReleaseStatus.Pushing;

    public async Task<StageResult> RunAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        try
        {
            return await AskAgainAsync(run, cancellationToken)
                ?? await ReserveAsync(run, cancellationToken)
                ?? await PushAsync(run, cancellationToken);
        }
        catch (GitLabException exception) when (exception.IsTransient)
        {
            return new StageResult.Wait(new Reason(ReasonCode.GitlabUnavailable, exception.Message), exception.RetryAfter);
        }
        catch (GitLabException exception)
        {
            return StageResult.Fail(ReasonCode.GitlabDenied, exception.Message);
        }
    }

    /// <summary>A tag may have moved, or lost its protection, while we built.</summary>
    private async Task<StageResult?> AskAgainAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        var release = run.Release;
        var actual = await gitLab.GetRefAsync(release.ProjectId, release.Ref, cancellationToken);
        var verified = actual is null ? null : new VerifiedRef(actual.Target, actual.Commit, actual.CommittedAt, actual.IsProtected);
        var refusal = ReleasePlanner.Verify(release.Ref, ObjectId.Parse(release.Target), verified, run.Rule);
        if (refusal is { Code: ReasonCode.RefMoved } && release.RefKind == RefKind.Branch)
        {
            return new StageResult.End(ReleaseStatus.Superseded, new Reason(ReasonCode.Superseded, refusal.Message));
        }

        if (refusal is not null)
        {
            return StageResult.Reject(refusal);
        }

        return await tags.FindNewerAsync(run.Claimed, cancellationToken) is { } newer
            ? new StageResult.End(ReleaseStatus.Superseded, new Reason(ReasonCode.Superseded, $"{release.Ref.FullName} is at {run.Commit.Short} by release {newer} already."))
            : null;
    }

    private async Task<StageResult?> ReserveAsync(ReleaseRun run, CancellationToken cancellationToken) =>
        await tags.ReserveAsync(run.Claimed, run.Rule.Overwrite, cancellationToken) is var (image, conflict) ? StageResult.Of(image, ReleaseStatus.Rejected, conflict) : null;

    private async Task<StageResult> PushAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        var troubles = new PushTroubles(run, ledger);
        if (await ConfirmAsync(run, troubles, cancellationToken) is { } refused)
        {
            return refused;
        }

        foreach (var image in run.Carriers)
        {
            if (run.IsHeldByARegistry)
            {
                break;
            }

            if (await TryFirstAsync(run, image, troubles, cancellationToken) is { } end)
            {
                return end;
            }
        }

        if (!run.IsHeldByARegistry)
        {
            return troubles.Result();
        }

        return await spread.RunAsync(run, troubles, cancellationToken) ?? troubles.Result();
    }

    /// <summary>Nothing is published on the word of an earlier attempt alone: a registry that can't be asked is waited for.</summary>
    /// <returns>Why the release ends here, or null.</returns>
    private async Task<StageResult?> ConfirmAsync(ReleaseRun run, PushTroubles troubles, CancellationToken cancellationToken)
    {
        foreach (var image in run.Unconfirmed.ToList())
        {
            try
            {
                await survey.ConfirmAsync(run, image, cancellationToken);
            }
            catch (RegistryException exception) when (exception.IsTransient)
            {
                troubles.Add(image, exception.Message, exception.RetryAfter);
            }
            catch (RegistryException exception)
            {
                return PushFaults.Permanent(image, exception);
            }
        }

        return null;
    }

    private async Task<StageResult?> TryFirstAsync(ReleaseRun run, ReleaseImage image, PushTroubles troubles, CancellationToken cancellationToken)
    {
        try
        {
            var (refusal, before) = await survey.ExamineAsync(run, image, cancellationToken);
            return refusal ?? (image.Status == ImageStatus.Pushed ? null : await firstPush.RunAsync(run, image, before, cancellationToken));
        }
        catch (RegistryException exception) when (exception.IsTransient)
        {
            await troubles.NoteAsync(image, exception.Message, exception.RetryAfter, cancellationToken);
            return null;
        }
        catch (EnginePushException exception) when (exception.Fault == PushFault.Unavailable)
        {
            await troubles.NoteAsync(image, exception.Message, null, cancellationToken);
            return null;
        }
        catch (EngineUnavailableException exception)
        {
            return new StageResult.Wait(new Reason(ReasonCode.EngineUnavailable, exception.Message), null);
        }
        catch (EnginePushException exception)
        {
            return PushFaults.Permanent(image, exception);
        }
        catch (RegistryException exception)
        {
            return PushFaults.Permanent(image, exception);
        }
    }
}
