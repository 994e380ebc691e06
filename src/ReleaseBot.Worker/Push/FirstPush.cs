using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>
/// The one push that the engine makes. The engine compresses layers anew for each registry that lacks them, so a second push could get
/// another digest; every other registry gets a copy instead.
/// </summary>
internal sealed class FirstPush(DockerEngine engine, EngineCredentials credentials, RegistryClients registries, TagLedger tags, TimeProvider time)
{
    /// <summary>Between two looks whether a registry that is pushed to is still there.</summary>
    private static readonly TimeSpan Pulse = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FirstPatience = TimeSpan.FromMinutes(1);

    /// <summary>Sixteen minutes.</summary>
    private const int LongestPatience = 4;

    /// <param name="before">What the tag points to; null where there is none.</param>
    /// <returns>Why the release ends here, or null when the image is in the registry and was read back.</returns>
    public async Task<StageResult?> RunAsync(ReleaseRun run, ReleaseImage image, Digest? before, CancellationToken cancellationToken)
    {
        var client = registries.Get(image.Registry);
        run.Log.Say($"pushing {image.Image}");
        await tags.BeginPushAsync(run.Claimed, image, cancellationToken);
        Digest digest;
        try
        {
            digest = await run.PutAsync(image, () => PushAsync(run, image, client, cancellationToken));
        }
        catch (EnginePushException exception) when (exception.Fault == PushFault.ImageMissing)
        {
            // The next attempt sees that neither the engine nor a registry has it, and builds again.
            return new StageResult.Wait(new Reason(ReasonCode.EngineUnavailable, $"The engine no longer holds the image: {exception.Message}"), TimeSpan.Zero);
        }
        catch (EnginePushException exception) when (exception.Fault == PushFault.NotLoggedIn)
        {
            // An engine that gets a 500 when it asks how to log in pushes without logging in (moby/moby registry/auth.go, PingV2Registry). Whether our
            // credentials are refused, the registry itself is asked.
            await client.CheckPushAsync(image.Repository, cancellationToken);
            throw new EnginePushException(PushFault.Unavailable, $"the engine could not log in ({exception.Message}), though the registry takes these credentials");
        }

        var seen = await client.HeadManifestAsync(image.Repository, image.Tag, cancellationToken);
        if (seen != digest)
        {
            return PushFaults.Failed(image, ReasonCode.PushFailed,
                $"{image.Image} was pushed as {digest.Short}, but the registry answers {seen?.Short ?? "nothing"} for it. Somebody else pushes to this tag, or the registry lost it.");
        }

        await tags.RecordMoveAsync(run.Claimed, image, before, digest, ImageSpread.VerdictOf(image, before, digest), ImageSpread.WhyOf(image, before, digest), cancellationToken);
        run.MarkPushed(image, digest);
        run.Log.Say($"pushed {image.Image} as {digest}");
        return null;
    }

    /// <summary>The engine says nothing of a registry that hangs, so the registry is asked meanwhile; the push ends with its silence.</summary>
    private async Task<Digest> PushAsync(ReleaseRun run, ReleaseImage image, RegistryClient client, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var push = engine.PushAsync(run.ImageId!, image.Image, credentials.Of(image.Registry), Patience(run.Release.Tries), run.Log.Say, over.Token);
        var silence = ListenAsync(client, over.Token);
        await Task.WhenAny(push, silence);
        await over.CancelAsync();
        var fault = await silence;
        try
        {
            return await push;
        }
        catch (OperationCanceledException) when (fault is not null && !cancellationToken.IsCancellationRequested)
        {
            throw fault;
        }
    }

    /// <returns>That the registry is silent; null where the push ended first.</returns>
    private async Task<RegistryException?> ListenAsync(RegistryClient client, CancellationToken over)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Pulse, time, over);
                await client.PingAsync(over);
            }
        }
        catch (RegistryException fault)
        {
            return fault;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>
    /// How long a push may say nothing. A registry that hangs must not hold the slot for long; one whose storage takes minutes to take in a
    /// layer, or an engine whose upload slots are busy, is served at a later try.
    /// </summary>
    private static TimeSpan Patience(int tries) => FirstPatience * Math.Pow(2, Math.Min(tries, LongestPatience));
}
