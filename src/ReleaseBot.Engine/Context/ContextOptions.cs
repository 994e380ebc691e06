namespace ReleaseBot.Engine;

/// <summary>What of a repository becomes the context, and how much of it.</summary>
public sealed record ContextOptions
{
    /// <summary>The folder within the repository, e.g. <c>services/api</c>; <c>.</c> for all of it.</summary>
    public string Context { get; init; } = ".";

    /// <summary>The Dockerfile's path within <see cref="Context"/>.</summary>
    public string Dockerfile { get; init; } = "Dockerfile";

    public DockerIgnore Ignore { get; init; } = DockerIgnore.None;

    /// <summary>
    /// The Dockerfile and <c>.dockerignore</c>, where the rules leave them out: the builder needs them, and they are in the tar all the same, but
    /// the image must not copy them (https://docs.docker.com/build/concepts/context/#dockerignore-files).
    /// </summary>
    public IReadOnlyList<string> Hidden =>
        [.. new[] { ContextWriter.Relative(Dockerfile, nameof(Dockerfile)), ContextWriter.IgnoreFile }.Where(Ignore.IsIgnored)];

    /// <summary>The limit of the whole unpacked archive in bytes, what is left out included.</summary>
    public long MaxBytes { get; init; } = 8L << 30;
}

/// <summary>What a context came to.</summary>
/// <param name="Entries">Files, folders and links written.</param>
/// <param name="Ignored">Those that .dockerignore left out.</param>
/// <param name="Bytes">The size of the files written.</param>
public sealed record ContextSummary(int Entries, int Ignored, long Bytes);
