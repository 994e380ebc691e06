using System.Globalization;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Builds the image, once for all registries, streaming the source through. The image's id is written down before anything is pushed.</summary>
internal sealed class BuildStage(DockerEngine engine, EngineRoom room, RunLedger ledger, EngineCredentials credentials, TimeProvider time) : IReleaseStage
{
    /// <summary>Long enough for a name server that starts, or has just lost its zone; short for a name that is misspelt.</summary>
    private static readonly TimeSpan UnknownHostLimit = TimeSpan.FromMinutes(2);

    public StageName Name => StageName.Build;

    public ReleaseStatus Status => ReleaseStatus.Building;

    public async Task<StageResult> RunAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        if (run.Source is null)
        {
            return StageResult.Done;
        }

        var spent = time.GetUtcNow() - run.BuildStartedAt!.Value;
        using var timeout = new CancellationTokenSource(Max(run.Rule.Timeout - spent, TimeSpan.FromSeconds(1)), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var image = await engine.BuildAsync(Request(run), run.Log, either.Token);
            await run.Source.DisposeAsync();
            run.Source = null;
            run.Log.Say($"built {image.ImageId}");
            // A build that is on record is not repeated, so its log must be on record too.
            await run.Log.FlushAsync(cancellationToken);
            await ledger.RecordBuiltAsync(run.Claimed, image.ImageId, cancellationToken);
            run.StartAfresh(image.ImageId);
            return StageResult.Done;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return StageResult.Fail(ReasonCode.BuildTimeout, $"Source and build took longer than the rule's Timeout of {run.Rule.Timeout}.");
        }
        catch (EngineFullException exception)
        {
            return await room.AfterFullAsync(run, exception, cancellationToken);
        }
        catch (Exception exception) when (Classify(exception) is { } result)
        {
            return result;
        }
    }

    private BuildRequest Request(ReleaseRun run)
    {
        var buildArgs = new Dictionary<string, string>(run.Plan.BuildArgs, StringComparer.Ordinal);
        if (run.Release.CommittedAt is { } committedAt)
        {
            buildArgs.TryAdd("SOURCE_DATE_EPOCH", committedAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        }

        return new BuildRequest
        {
            BuildId = ReleaseRun.BuildId(run.Release.Id, run.Claimed.Fence),
            LocalTag = run.LocalTag,
            WriteContext = async (output, token) => run.Log.Say(Describe(await run.Source!.WriteAsync(output, token))),
            HiddenFiles = run.Source!.Options.Hidden,
            Dockerfile = run.Rule.Dockerfile,
            Target = run.Rule.Target,
            BuildArgs = buildArgs,
            Labels = ImageLabels.Of(run),
            Platform = run.Rule.Platform,
            Secrets = run.Rule.BuildSecrets,
            PullCredentials = credentials.For(run.Rule),
        };
    }

    private static string Describe(ContextSummary context) =>
        string.Create(CultureInfo.InvariantCulture,
            $"sent the context: {context.Entries} entries, {context.Bytes / 1_000_000.0:F1} MB{(context.Ignored > 0 ? $", {context.Ignored} left out by .dockerignore" : "")}");

    /// <summary>What a fault of source or engine means for the release; null for one that is ours.</summary>
    private static StageResult? Classify(Exception exception) => exception switch
    {
        BuildFailedException { UnknownHost: not null } =>
            new StageResult.Wait(new Reason(ReasonCode.RegistryUnavailable, exception.Message), null) { GiveUpAfter = UnknownHostLimit, EndsAs = ReasonCode.BuildFailed },
        BuildFailedException { IsTransient: true } => new StageResult.Wait(new Reason(ReasonCode.RegistryUnavailable, exception.Message), null),
        BuildFailedException => StageResult.Fail(ReasonCode.BuildFailed, exception.Message),
        EngineUnavailableException => new StageResult.Wait(new Reason(ReasonCode.EngineUnavailable, exception.Message), null),
        EngineException => StageResult.Fail(ReasonCode.BuildFailed, exception.Message),
        ContextException { Fault: ContextFault.Truncated or ContextFault.NotAnArchive } =>
            new StageResult.Wait(new Reason(ReasonCode.SourceUnavailable, exception.Message), null),
        ContextException { Fault: ContextFault.DockerfileMissing or ContextFault.ContextMissing } => StageResult.Fail(ReasonCode.DockerfileMissing, exception.Message),
        ContextException => StageResult.Fail(ReasonCode.BuildFailed, exception.Message),
        GitLabException { IsTransient: true } gitLab => new StageResult.Wait(new Reason(ReasonCode.SourceUnavailable, exception.Message), gitLab.RetryAfter),
        GitLabException => StageResult.Fail(ReasonCode.SourceUnavailable, exception.Message),
        _ => null,
    };

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;
}
