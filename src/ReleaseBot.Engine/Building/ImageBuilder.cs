using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine.Connection;
using ReleaseBot.Engine.Session;

namespace ReleaseBot.Engine.Building;

/// <summary>
/// Builds images with BuildKit, or with the classic builder where the engine has no BuildKit. Which it has is learnt by trying: engines that
/// do not say so in their headers have it all the same.
/// </summary>
internal sealed partial class ImageBuilder(
    EngineClient engine, Func<CancellationToken, Task<EngineVersion>> version, BuilderKind builder, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan CancelLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AdriftPause = TimeSpan.FromMilliseconds(100);

    private readonly SemaphoreSlim _starting = new(1);
    private SessionServer? _sessions;

    /// <summary>The version of the engine that was found to be without BuildKit. Another version is asked anew.</summary>
    private volatile string? _withoutBuildKit;

    public async Task<BuiltImage> BuildAsync(BuildRequest request, IBuildLog log, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        request = request with { WriteContext = EndWith(request.WriteContext, cancellationToken) };
        using var connection = new CancellationTokenSource();
        var running = RunAsync(request, log, connection.Token);
        var canceled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancellationToken.Register(canceled.SetResult))
        {
            if (await Task.WhenAny(running, canceled.Task) == running)
            {
                return await running;
            }
        }

        await EndAsync(request.BuildId, running, connection);
        throw new OperationCanceledException(cancellationToken);
    }

    /// <summary>Ends a build by its id; one that is not known, or not running, is no error. The classic builder's cannot be ended this way.</summary>
    public async Task CancelAsync(string buildId, TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            await engine.PostAsync($"build/cancel?id={Uri.EscapeDataString(buildId)}", limit, cancellationToken);
        }
        catch (EngineRefusedException fault) when (fault.StatusCode is 404 or 405 or 501)
        {
            // An engine without BuildKit, and so without builds that could be named.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_sessions is not null)
        {
            await _sessions.DisposeAsync();
        }

        _starting.Dispose();
    }

    /// <summary>Has the context end at once when the build is given up: until it is sent there is nothing to end in order.</summary>
    private static Func<Stream, CancellationToken, Task> EndWith(Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
        async (body, token) =>
        {
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(token, cancellationToken);
            await write(body, linked.Token);
        };

    /// <summary>In order first: the builder then cleans up. Closing the connection ends what did not listen, and the classic builder, which knows no other way.</summary>
    private async Task EndAsync(string buildId, Task running, CancellationTokenSource connection)
    {
        if (builder != BuilderKind.Classic)
        {
            await EndInOrderAsync(buildId, running);
        }

        await connection.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task EndInOrderAsync(string buildId, Task running)
    {
        using var limit = new CancellationTokenSource(CancelLimit, time);
        try
        {
            await CancelAsync(buildId, CancelLimit, CancellationToken.None);
            await running.WaitAsync(limit.Token);
        }
        catch (Exception fault) when (running.IsCompleted)
        {
            Log.EndedBy(logger, buildId, fault);
        }
        catch (Exception fault) when (fault is EngineException or OperationCanceledException)
        {
            Log.NotEndedInOrder(logger, buildId, fault);
        }
    }

    private async Task<BuiltImage> RunAsync(BuildRequest request, IBuildLog log, CancellationToken cancellationToken)
    {
        if (builder == BuilderKind.Classic
            || (builder == BuilderKind.Auto && _withoutBuildKit is { } known && known == (await version(cancellationToken)).Version))
        {
            return await BuildClassicAsync(request, log, cancellationToken);
        }

        try
        {
            return await BuildWithBuildKitAsync(request, log, cancellationToken);
        }
        catch (EngineRefusedException fault) when (SaysNoBuildKit(fault))
        {
            if (builder == BuilderKind.BuildKit)
            {
                throw new BuildFailedException($"The engine has no BuildKit, and Engine:Builder asks for it: {fault.Message}");
            }

            var about = await version(cancellationToken);
            Log.FallsBack(logger, about.Version, fault.Message);
            _withoutBuildKit = about.Version;
            log.WriteLine("The engine has no BuildKit; building with the classic builder.");
            return await BuildClassicAsync(request, log, cancellationToken);
        }
        catch (EngineRefusedException fault)
        {
            throw BuildFaults.Sort(fault.Message, await LacksHeredocsAsync(cancellationToken));
        }
    }

    private async Task<BuiltImage> BuildWithBuildKitAsync(BuildRequest request, IBuildLog log, CancellationToken cancellationToken)
    {
        var sessions = await SessionsAsync(cancellationToken);
        var session = new BuildSession(request.PullCredentials, request.Secrets);
        await using var attached = await sessions.AttachAsync(engine, session, cancellationToken);
        await using var start = ContextStart.Begin(request.WriteContext, cancellationToken);
        var isSmall = await start.FitsAsync();
        if (!isSmall && request.HiddenFiles.Count == 0)
        {
            var streamed = request with { WriteContext = start.ContinueAsync };
            return await SendAsync(BuildQuery.BuildKit(request, session.Id, isSynced: false), streamed, [], log, cancellationToken);
        }

        await using var context = isSmall
            ? await SpooledContext.OfAsync(start.Held, cancellationToken)
            : await SpooledContext.CreateAsync(start.ContinueAsync, cancellationToken);
        session.Context = new SyncedContext(context, request.Dockerfile, request.HiddenFiles);
        var bodiless = request with { WriteContext = (_, _) => Task.CompletedTask };
        return await SendAsync(BuildQuery.BuildKit(request, session.Id, isSynced: true), bodiless, [], log, cancellationToken);
    }

    private async Task<BuiltImage> BuildClassicAsync(BuildRequest request, IBuildLog log, CancellationToken cancellationToken)
    {
        if (request.Secrets.Count > 0)
        {
            throw new BuildFailedException(
                "The rule has BuildSecrets, which need BuildKit, and this engine builds with the classic builder. Take an engine with BuildKit, and Engine:Builder Auto or BuildKit.");
        }

        var about = await version(cancellationToken);
        if (!string.Equals(request.Platform, about.Platform, StringComparison.OrdinalIgnoreCase))
        {
            // It would take layers of its own platform for the asked one without a word.
            throw new BuildFailedException(
                $"The classic builder builds for its own platform alone, {about.Platform}, and the rule asks for {request.Platform}. Take an engine with BuildKit.");
        }

        try
        {
            return await SendAsync(BuildQuery.Classic(request), request, [RegistryHeaders.Config(request.PullCredentials)], log, cancellationToken);
        }
        catch (EngineRefusedException fault)
        {
            throw BuildFaults.Sort(fault.Message, await LacksHeredocsAsync(cancellationToken));
        }
    }

    private async Task<BuiltImage> SendAsync(
        string path, BuildRequest request, IReadOnlyList<KeyValuePair<string, string>> headers, IBuildLog log, CancellationToken cancellationToken)
    {
        using var content = new StreamedContent(request.WriteContext);
        HttpResponseMessage response;
        try
        {
            response = await engine.SendAsync(HttpMethod.Post, path, content, headers, cancellationToken);
        }
        catch (Exception) when (content.WriterFault is { } own)
        {
            ExceptionDispatchInfo.Throw(own);
            throw;
        }
        catch (EngineUnavailableException) when (!content.IsSent && !cancellationToken.IsCancellationRequested)
        {
            await ThrowEarlyRefusalAsync(path, headers, cancellationToken);
            throw;
        }

        using (response)
        {
            return await ReadAsync(response, log, cancellationToken);
        }
    }

    /// <summary>
    /// An engine that refuses a build does so before it has read the context, and closes the connection under the writer: "broken pipe" is all
    /// that is left. The same request with next to no body brings out what it said. An engine that went away says nothing again.
    /// </summary>
    private async Task ThrowEarlyRefusalAsync(
        string path, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancellationToken)
    {
        using var nothing = new StreamedContent((body, token) => body.WriteAsync("\n"u8.ToArray(), token).AsTask());
        using var response = await engine.LimitAsync(
            ProbeLimit, token => engine.SendAsync(HttpMethod.Post, path, nothing, headers, token), cancellationToken);
    }

    private async Task<BuiltImage> ReadAsync(HttpResponseMessage response, IBuildLog log, CancellationToken cancellationToken)
    {
        var stream = new BuildStream(log);
        try
        {
            await foreach (var message in engine.ReadMessagesAsync(response, cancellationToken))
            {
                stream.Read(message);
                if (stream is { IsAdrift: true, ImageId: not null })
                {
                    break;
                }

                if (stream.EmptyTraces % BuildStream.ManyEmptyTraces == BuildStream.ManyEmptyTraces - 1)
                {
                    // Nothing but the image's id can still come, and an engine that is read fast would spend a processor on these.
                    await Task.Delay(AdriftPause, time, cancellationToken);
                }
            }
        }
        finally
        {
            stream.End();
        }

        if (stream.Error is { } error)
        {
            throw SaysNoBuildKit(error) ? new EngineRefusedException(501, error) : BuildFaults.Sort(error, await LacksHeredocsAsync(cancellationToken), stream.FoundNoSpace);
        }

        return stream.ImageId is { } id
            ? new BuiltImage(id)
            : throw new EngineUnavailableException("The engine ended the build without an image and without an error.");
    }

    private async Task<SessionServer> SessionsAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            return _sessions ??= await SessionServer.StartAsync(time, cancellationToken);
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>No route for sessions, or the builder's own word for it.</summary>
    private static bool SaysNoBuildKit(EngineRefusedException fault) => fault.StatusCode is 404 or 405 or 501 || SaysNoBuildKit(fault.Message);

    private static bool SaysNoBuildKit(string message) =>
        message.Contains("buildkit", StringComparison.OrdinalIgnoreCase)
            && (message.Contains("not supported", StringComparison.OrdinalIgnoreCase) || message.Contains("not enabled", StringComparison.OrdinalIgnoreCase)
                || message.Contains("not available", StringComparison.OrdinalIgnoreCase));

    /// <summary>For the words of a failure alone, so an engine that has gone meanwhile is no other fault.</summary>
    private async Task<bool> LacksHeredocsAsync(CancellationToken cancellationToken)
    {
        try
        {
            return int.TryParse((await version(cancellationToken)).Version.Split('.')[0], out var major) && major < 23;
        }
        catch (EngineException)
        {
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Engine {Version} has no BuildKit ({Answer}); the classic builder builds from now on.")]
        public static partial void FallsBack(ILogger logger, string version, string answer);

        [LoggerMessage(EventId = 2, Level = LogLevel.Debug, Message = "Build {BuildId} did not end in order; its connection is closed.")]
        public static partial void NotEndedInOrder(ILogger logger, string buildId, Exception fault);

        [LoggerMessage(EventId = 3, Level = LogLevel.Debug, Message = "Build {BuildId} ended on cancel.")]
        public static partial void EndedBy(ILogger logger, string buildId, Exception fault);
    }
}
