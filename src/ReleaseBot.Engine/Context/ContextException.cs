namespace ReleaseBot.Engine;

/// <summary>Why a context could not be written.</summary>
public enum ContextFault
{
    /// <summary>The archive ended too early. Fetching it again may help.</summary>
    Truncated,

    /// <summary>What came is no gzipped tar, e.g. an error page. Fetching it again may help.</summary>
    NotAnArchive,

    /// <summary>An entry would reach out of the tree, or is none that a context may hold. The user's to mend.</summary>
    Unsafe,

    /// <summary>More than <see cref="ContextOptions.MaxBytes"/>.</summary>
    TooLarge,

    /// <summary>No file at <see cref="ContextOptions.Dockerfile"/>.</summary>
    DockerfileMissing,

    /// <summary>Nothing below <see cref="ContextOptions.Context"/>.</summary>
    ContextMissing,
}

/// <summary>A context that must not be built from. Thrown before the tar's end was written, so that no image can come of it.</summary>
public sealed class ContextException(ContextFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    public ContextFault Fault { get; } = fault;
}
