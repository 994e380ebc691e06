namespace ReleaseBot.Engine.Session;

/// <summary>
/// What BuildKit sees of a context that it asks for file by file. Its own Dockerfile comes from a directory apart, so that the context can be
/// without it. <c>.dockerignore</c> has been applied already, and the builder is not told its rules.
/// </summary>
internal sealed class SyncedContext(SpooledContext context, string dockerfile, IEnumerable<string> hidden)
{
    private readonly string _dockerfile = SpooledEntry.NameOf(dockerfile);
    private readonly HashSet<string> _hidden = [.. hidden.Select(SpooledEntry.NameOf)];

    /// <summary>The answer to one request.</summary>
    /// <param name="directory"><c>context</c> or <c>dockerfile</c> (moby/buildkit frontend/dockerui/config.go, DefaultLocalName…).</param>
    /// <param name="followPaths">What the builder needs of it; empty for all.</param>
    /// <returns>Null for a directory that there is none of.</returns>
    public ContextSync? Open(string directory, IReadOnlyList<string> followPaths) => directory switch
    {
        "dockerfile" => new ContextSync(context, Dockerfile()),
        "context" => new ContextSync(context, AreRules(followPaths) ? [] : [.. context.Entries.Where(entry => !_hidden.Contains(entry.Path))]),
        _ => null,
    };

    private static bool AreRules(IReadOnlyList<string> paths) => paths.Count > 0 && paths.All(path => path.EndsWith(".dockerignore", StringComparison.Ordinal));

    /// <summary>The Dockerfile and its folders; where it is a link, all that it may point to.</summary>
    private IReadOnlyList<SpooledEntry> Dockerfile() =>
        context.Entries.Any(entry => entry.Path == _dockerfile && entry.Type == TarFormat.SymbolicLink)
            ? context.Entries
            : [.. context.Entries.Where(entry => entry.Path == _dockerfile || _dockerfile.StartsWith(entry.Path + "/", StringComparison.Ordinal))];
}
