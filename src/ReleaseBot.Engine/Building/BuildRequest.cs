using ReleaseBot.Core;

namespace ReleaseBot.Engine;

/// <summary>One build of one image.</summary>
public sealed record BuildRequest
{
    /// <summary>Names the build at the engine, so that <see cref="DockerEngine.CancelBuildAsync"/> can end it; unique per release.</summary>
    public required string BuildId { get; init; }

    /// <summary>The name that keeps the image at the engine until it is removed, e.g. <c>releasebot/0199…:build</c>.</summary>
    public required string LocalTag { get; init; }

    /// <summary>
    /// Writes the context as a tar. What it throws ends the build without an image and comes out of <see cref="DockerEngine.BuildAsync"/> unchanged.
    /// It is called a second time when the engine turns out to have no BuildKit.
    /// </summary>
    public required Func<Stream, CancellationToken, Task> WriteContext { get; init; }

    /// <summary>
    /// What <see cref="WriteContext"/> writes and no image may copy: <see cref="ContextOptions.Hidden"/>. The classic builder reads the tar's
    /// <c>.dockerignore</c> for that itself; BuildKit does not, and gets the context file by file, from memory or from a temporary file here.
    /// </summary>
    public IReadOnlyList<string> HiddenFiles { get; init; } = [];

    /// <summary>The Dockerfile's path within the context.</summary>
    public string Dockerfile { get; init; } = "Dockerfile";

    /// <summary>The stage to build; null for the last one.</summary>
    public string? Target { get; init; }

    public IReadOnlyDictionary<string, string> BuildArgs { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>E.g. <c>linux/amd64</c>.</summary>
    public required string Platform { get; init; }

    /// <summary>For <c>RUN --mount=type=secret</c>, by id.</summary>
    public IReadOnlyDictionary<string, Secret> Secrets { get; init; } = new Dictionary<string, Secret>();

    /// <summary>Registries whose private bases the build may pull; every other registry is asked anonymously.</summary>
    public IReadOnlyList<RegistryCredential> PullCredentials { get; init; } = [];
}

/// <summary>What a build made.</summary>
/// <param name="ImageId">The engine's handle of the image, <c>sha256:</c> and 64 hex digits. Not the digest that a registry knows it by.</param>
public sealed record BuiltImage(string ImageId);

/// <summary>Takes the log of a build as it comes, one line a call: no line end, and no control characters but tabs and colours (ANSI SGR).</summary>
public interface IBuildLog
{
    /// <summary>Returns at once: an engine whose answer is read too slowly may never end its build.</summary>
    void WriteLine(string line);
}
