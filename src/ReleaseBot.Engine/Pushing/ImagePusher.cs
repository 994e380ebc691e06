using Docker.DotNet.Models;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine.Connection;

namespace ReleaseBot.Engine.Pushing;

/// <summary>
/// Pushes an image under one name. The engine pushes by local tag, so the image bears its name-to-be for the time of the push, and loses it again
/// whatever happens. A push that is left while the registry says nothing ends here, but not at the engine: up to 20.10 at least, an upload does
/// not end with its request, and the next push of the same layer to the same repository waits for it (moby, distribution/xfer/transfer.go), for
/// as long as the connection lives. Other repositories are not held up by it.
/// </summary>
internal sealed partial class ImagePusher(EngineClient engine, DockerCalls docker, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan TagLimit = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Seconds that the engine waits before its first retry of a layer; with each it waits so much longer, for a minute in all (moby,
    /// distribution/xfer/upload.go). After the first our own waits are better, for they hold no slot and another registry can be had first.
    /// </summary>
    private const int FirstRetry = 5;

    public async Task<Digest> PushAsync(
        string imageId, ImageRef target, RegistryCredential? credential, TimeSpan patience, Action<string>? progress, CancellationToken cancellationToken)
    {
        await TagAsync(imageId, target, cancellationToken);
        try
        {
            return await SendAsync(target, credential, patience, progress, cancellationToken);
        }
        finally
        {
            await UntagAsync(target);
        }
    }

    private async Task TagAsync(string imageId, ImageRef target, CancellationToken cancellationToken)
    {
        var tag = new ImageTagParameters { RepositoryName = target.Repository.ToString(), Tag = target.Tag };
        try
        {
            await docker.CallAsync(TagLimit, async (client, token) =>
            {
                await client.Images.TagImageAsync(imageId, tag, token);
                return true;
            }, cancellationToken);
        }
        catch (EngineRefusedException fault)
        {
            throw fault.StatusCode == 404
                ? new EnginePushException(PushFault.ImageMissing, $"The engine no longer holds {imageId}.")
                : new EnginePushException(PushFault.Refused, $"The engine cannot name the image {target}: {fault.Message}");
        }
    }

    private async Task<Digest> SendAsync(
        ImageRef target, RegistryCredential? credential, TimeSpan patience, Action<string>? progress, CancellationToken cancellationToken)
    {
        var path = $"images/{target.Repository}/push?tag={Uri.EscapeDataString(target.Tag)}";
        using var silence = new CancellationTokenSource(patience, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, cancellationToken);
        string? error = null;
        Digest? digest = null;
        try
        {
            using var response = await engine.SendAsync(HttpMethod.Post, path, content: null, [RegistryHeaders.Auth(credential)], linked.Token);
            await foreach (var message in engine.ReadMessagesAsync(response, linked.Token))
            {
                silence.CancelAfter(patience);
                error = message.Error() ?? error;
                digest = Digest.TryParse(message.Aux("Digest"), out var pushed) ? pushed : digest;
                if (Worth(message.Text("status"), target) is { } status && progress is not null && message.Text("progress") is not { Length: > 0 })
                {
                    progress(PushFaults.Redact(message.Text("id") is { } layer ? $"{layer}: {status}" : status, credential));
                }
            }
        }
        catch (EngineRefusedException fault)
        {
            error = fault.Message;
        }
        catch (OperationCanceledException) when (silence.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new EnginePushException(PushFault.Unavailable, $"The push of {target} made no progress for {patience.TotalSeconds:0} s.");
        }

        if (error is not null)
        {
            throw new EnginePushException(PushFaults.Sort(error), PushFaults.Redact(error, credential));
        }

        return digest ?? throw new EnginePushException(PushFault.Unavailable, $"The push of {target} ended without a digest and without an error.");
    }

    /// <summary>What is worth a line: of a countdown, its beginning.</summary>
    private static string? Worth(string? status, ImageRef target) => PushFaults.Countdown(status) switch
    {
        null or FirstRetry => status,
        < FirstRetry => null,
        _ => throw new EnginePushException(
            PushFault.Unavailable, $"The push of {target} broke off twice; the engine would say why after its fifth try alone, and its own log may."),
    };

    private async Task UntagAsync(ImageRef target)
    {
        try
        {
            var how = new ImageDeleteParameters { NoPrune = true };
            await docker.CallAsync(TagLimit, (client, token) => client.Images.DeleteImageAsync(target.ToString(), how, token), CancellationToken.None);
        }
        catch (EngineRefusedException fault) when (fault.StatusCode == 404)
        {
            // Somebody was faster.
        }
        // The push is over, for better or worse; a name left behind must not turn its outcome. The next push of this name replaces it.
        catch (EngineException fault)
        {
            Log.TagLeftBehind(logger, target, fault);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 11, Level = LogLevel.Warning, Message = "The engine keeps the local tag {Target} after its push.")]
        public static partial void TagLeftBehind(ILogger logger, ImageRef target, Exception fault);
    }
}
