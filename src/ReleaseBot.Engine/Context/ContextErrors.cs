using System.Globalization;

namespace ReleaseBot.Engine;

/// <summary>The words of a refused context, in one place.</summary>
internal static class ContextErrors
{
    public static ContextException Truncated(string what, Exception? inner = null) =>
        new(ContextFault.Truncated, $"The repository's archive is cut off: {what}.", inner);

    public static ContextException NotAnArchive(string what, Exception? inner = null) =>
        new(ContextFault.NotAnArchive, $"What came in place of the repository's archive is no gzipped tar: {what}.", inner);

    public static ContextException TooLarge(long maxBytes) =>
        new(ContextFault.TooLarge, string.Create(
            CultureInfo.InvariantCulture, $"The repository unpacks to more than {maxBytes / 1048576.0:0.##} MiB, the limit for a build context."));

    /// <summary>For an entry that .dockerignore would keep out of the context.</summary>
    public static ContextException Unsafe(string path, string what) =>
        new(ContextFault.Unsafe, $"'{path}' {what}. If the build does not need it, a line in .dockerignore leaves it out.");

    /// <summary>For a link in the place of a file that is read, ignored or not.</summary>
    public static ContextException LinkedAway(string path, string what) => new(ContextFault.Unsafe, $"'{path}' {what}");

    /// <summary>For an entry that no honest archive has, ignored or not.</summary>
    public static ContextException Hostile(string path, string what) => new(ContextFault.Unsafe, $"The archive's entry '{path}' {what}.");

    public static ContextException DockerfileMissing(string dockerfile, string context, IReadOnlyCollection<string> seen) =>
        new(ContextFault.DockerfileMissing,
            $"There is no '{dockerfile}' in the context '{context}'. "
            + (seen.Count == 0 ? "The repository has nothing that looks like a Dockerfile." : $"The repository has: {string.Join(", ", seen)}."));

    public static ContextException ContextMissing(string context) =>
        new(ContextFault.ContextMissing, context == "." ? "The repository is empty." : $"The repository has nothing below '{context}', the context.");
}
