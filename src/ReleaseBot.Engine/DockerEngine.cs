using System.Text.Json;
using Docker.DotNet.Models;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine.Building;
using ReleaseBot.Engine.Connection;
using ReleaseBot.Engine.Pushing;

namespace ReleaseBot.Engine;

/// <summary>
/// One Docker engine: builds images, pushes them, and tidies up behind them. Safe for several builds and pushes at once. Every call throws
/// <see cref="EngineUnavailableException"/> where the engine cannot be reached, and all but builds and pushes end within a limit of their own.
/// </summary>
public sealed class DockerEngine : IAsyncDisposable
{
    private static readonly TimeSpan VersionLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(30);

    /// <summary>Deleting layers and cache takes the disk's time.</summary>
    private static readonly TimeSpan DeleteLimit = TimeSpan.FromMinutes(10);

    private readonly EngineSettings _settings;
    private readonly EngineClient _engine;
    private readonly DockerCalls _docker;
    private readonly ImageBuilder _builder;
    private readonly ImagePusher _pusher;

    /// <summary>Where the engine keeps its data, as it said when it was last asked for its id: one that comes back may have another.</summary>
    private volatile string? _dataRoot;

    public DockerEngine(EngineSettings settings, TimeProvider time, ILogger<DockerEngine> logger)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        var dialer = new EngineDialer(settings, time);
        _engine = new EngineClient(dialer, time);
        _docker = new DockerCalls(_engine, dialer.HttpAddress);
        _builder = new ImageBuilder(_engine, GetVersionAsync, settings.Builder, time, logger);
        _pusher = new ImagePusher(_engine, _docker, time, logger);
    }

    /// <summary>
    /// Whether the engine answers, at next to no cost. A version or an id costs it 30 ms and more: it runs <c>runc</c> and <c>docker-init</c> for their
    /// versions each time (moby, daemon/info_unix.go).
    /// </summary>
    /// <exception cref="EngineUnavailableException">It does not.</exception>
    public Task PingAsync(CancellationToken cancellationToken) => _docker.CallAsync(
        VersionLimit,
        async (docker, token) =>
        {
            await docker.System.PingAsync(token);
            return true;
        },
        cancellationToken);

    public async Task<EngineVersion> GetVersionAsync(CancellationToken cancellationToken)
    {
        var about = await _docker.CallAsync(VersionLimit, (docker, token) => docker.System.GetVersionAsync(token), cancellationToken);
        return new EngineVersion(about.Version, about.APIVersion, about.Os, about.Arch);
    }

    /// <summary>The id that the engine gives itself, the same for as long as its data lives.</summary>
    public async Task<string> GetIdAsync(CancellationToken cancellationToken)
    {
        var info = await GetInfoAsync(cancellationToken);
        _dataRoot = info.DockerRootDir;
        return info.ID;
    }

    /// <summary>
    /// The bytes that are free on the engine's disk, as far as this process can see it: below <see cref="EngineSettings.DiskPath"/>, or, of an engine
    /// behind a socket of this machine, where it says that its data is. The Engine API itself tells only what it uses (/info, /system/df).
    /// </summary>
    /// <returns>Null where the disk can't be seen from here.</returns>
    public async Task<long?> GetFreeBytesAsync(CancellationToken cancellationToken)
    {
        var path = _settings.DiskPath;
        if (path is null && _settings.Endpoint.Scheme == "unix")
        {
            path = _dataRoot ??= (await GetInfoAsync(cancellationToken)).DockerRootDir;
        }

        return Directory.Exists(path) ? new DriveInfo(path).AvailableFreeSpace : null;
    }

    /// <summary>
    /// Builds an image; it bears <see cref="BuildRequest.LocalTag"/> until that is removed. Bounded by the caller's token alone, since a step may
    /// be silent for long. Canceled, the build is ended in order at the engine, and within about a second in any case.
    /// </summary>
    /// <exception cref="BuildFailedException">The Dockerfile did not build.</exception>
    /// <exception cref="EngineFullException">The engine's disk did not suffice.</exception>
    public async Task<BuiltImage> BuildAsync(BuildRequest request, IBuildLog log, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var image = await _builder.BuildAsync(request, log, cancellationToken);
        return await HasImageAsync(image.ImageId, cancellationToken)
            ? image
            : throw new EngineUnavailableException($"The engine says that it built {image.ImageId}, and does not have it.");
    }

    /// <summary>Ends what an earlier attempt may have left running. One that is not known is no error.</summary>
    public Task CancelBuildAsync(string buildId, CancellationToken cancellationToken) => _builder.CancelAsync(buildId, CallLimit, cancellationToken);

    /// <summary>
    /// Pushes an image under a name. The image must bear another local tag (<see cref="BuildRequest.LocalTag"/>): the target's is taken away
    /// afterwards, and an image without a tag is deleted with it. Two pushes of one name at the same time are the caller's to prevent.
    /// </summary>
    /// <param name="credential">Null to push anonymously.</param>
    /// <param name="patience">How long the push may make no progress before it is ended as <see cref="PushFault.Unavailable"/>.</param>
    /// <param name="progress">What the engine tells, e.g. <c>5f70bf18a086: Layer already exists</c>, as it comes.</param>
    /// <returns>The digest of the manifest in the registry.</returns>
    /// <exception cref="EnginePushException">The push did not succeed.</exception>
    public Task<Digest> PushAsync(
        string imageId, ImageRef target, RegistryCredential? credential, TimeSpan patience, Action<string>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(target);
        return _pusher.PushAsync(imageId, target, credential, patience, progress, cancellationToken);
    }

    /// <param name="imageId">An id or a tag.</param>
    public async Task<bool> HasImageAsync(string imageId, CancellationToken cancellationToken)
    {
        try
        {
            await _docker.CallAsync(CallLimit, (docker, token) => docker.Images.InspectImageAsync(imageId, token), cancellationToken);
            return true;
        }
        catch (EngineRefusedException fault) when (fault.StatusCode == 404)
        {
            return false;
        }
    }

    /// <summary>Takes a tag away, and the image with its last one; by id, the image with all its tags. One that is not there is no error.</summary>
    public async Task RemoveImageAsync(string reference, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var how = new ImageDeleteParameters { Force = reference.StartsWith("sha256:", StringComparison.Ordinal) };
        try
        {
            await _docker.CallAsync(DeleteLimit, (docker, token) => docker.Images.DeleteImageAsync(reference, how, token), cancellationToken);
        }
        catch (EngineRefusedException fault) when (fault.StatusCode == 404)
        {
        }
    }

    /// <summary>The local tags that begin with a prefix, e.g. <c>releasebot/</c>.</summary>
    public async Task<IReadOnlyList<string>> ListImagesAsync(string referencePrefix, CancellationToken cancellationToken)
    {
        var images = await _docker.CallAsync(CallLimit, (docker, token) => docker.Images.ListImagesAsync(new ImagesListParameters(), token), cancellationToken);
        return [.. images.SelectMany(image => image.RepoTags ?? []).Where(tag => tag.StartsWith(referencePrefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    /// <summary>Deletes build cache, the longest unused first, until no more than <paramref name="keepBytes"/> are left. What running builds use stays.</summary>
    /// <returns>The bytes reclaimed.</returns>
    public async Task<long> PruneBuildCacheAsync(long keepBytes, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);
        // keep-storage was renamed in API 1.48; each engine ignores the name it does not know.
        var answer = await _engine.PostAsync($"build/prune?all=1&keep-storage={keepBytes}&reserved-space={keepBytes}", DeleteLimit, cancellationToken);
        return answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("SpaceReclaimed", out var bytes) ? bytes.GetInt64() : 0;
    }

    public async ValueTask DisposeAsync()
    {
        await _builder.DisposeAsync();
        _docker.Dispose();
        _engine.Dispose();
    }

    private Task<SystemInfoResponse> GetInfoAsync(CancellationToken cancellationToken) =>
        _docker.CallAsync(VersionLimit, (docker, token) => docker.System.GetSystemInfoAsync(token), cancellationToken);
}
