using ReleaseBot.Core;
using ReleaseBot.GitLab;

namespace ReleaseBot.Worker;

/// <summary>
/// Looks before it leaps: may we push there, is the version still free, and has the engine room? Then opens the source. A release whose image exists already,
/// at this engine or in a registry, needs none.
/// </summary>
internal sealed class SourceStage(ImageSurvey survey, EngineRoom room, SourceFetcher fetcher, TimeProvider time) : IReleaseStage
{
    /// <summary>GitLab named the commit a moment ago, and answers 404 also where it failed to read it: a few tries tell.</summary>
    private const int NotFoundTries = 3;

    public StageName Name => StageName.Source;

    public ReleaseStatus Status => ReleaseStatus.Building;

    public async Task<StageResult> RunAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        run.BuildStartedAt = time.GetUtcNow();
        // GitLab is asked while the registries are, and at the first try has the archive sent; in vain where the release ends here, which is seldom.
        await using var source = new ComingSource(fetcher, run, isAsked: run.ImageId is null, isSent: run.Release.Tries == 0, cancellationToken);
        if (await survey.ExamineAllAsync(run, cancellationToken) is { } result)
        {
            return result;
        }

        if (await survey.IsImageAvailableAsync(run, cancellationToken))
        {
            run.Log.Say($"the image is built already ({run.Digest?.Short ?? run.ImageId?[..19]}): no source is needed");
            return StageResult.Done;
        }

        if (await room.FindLackAsync(run.Log, cancellationToken) is { } lack)
        {
            return lack;
        }

        return await OpenAsync(run, source, cancellationToken);
    }

    private static async Task<StageResult> OpenAsync(ReleaseRun run, ComingSource source, CancellationToken cancellationToken)
    {
        run.Log.Say($"fetching {run.Release.ProjectPath} at {run.Commit.Short}");
        try
        {
            run.Source = await source.TakeAsync(cancellationToken);
            return StageResult.Done;
        }
        catch (GitLabException exception) when (exception.IsTransient || exception.Fault == GitLabFault.NotFound && run.Release.Tries < NotFoundTries)
        {
            return new StageResult.Wait(new Reason(ReasonCode.SourceUnavailable, exception.Message), exception.RetryAfter);
        }
        catch (GitLabException exception)
        {
            return StageResult.Fail(ReasonCode.SourceUnavailable, exception.Message);
        }
        catch (FormatException exception)
        {
            return StageResult.Fail(ReasonCode.BuildFailed, exception.Message);
        }
    }
}
