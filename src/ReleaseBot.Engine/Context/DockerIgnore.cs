namespace ReleaseBot.Engine;

/// <summary>
/// The rules of a <c>.dockerignore</c>, with the meaning that the docker command gives them (moby/patternmatcher MatchesOrParentMatches and
/// ignorefile.ReadAll): a pattern is matched against the whole path and each of its parents, <c>!</c> takes back, and the last rule that applies
/// decides. Safe to use from several threads.
/// </summary>
public sealed class DockerIgnore
{
    private readonly IgnorePattern[] _patterns;

    /// <summary>The folder asked for last and which patterns match it or a parent of it. Archives come folder by folder.</summary>
    private Folder? _last;

    private DockerIgnore(IgnorePattern[] patterns)
    {
        _patterns = patterns;
        HasExceptions = Array.Exists(patterns, pattern => pattern.IsException);
    }

    /// <summary>Leaves nothing out.</summary>
    public static DockerIgnore None { get; } = new([]);

    /// <summary>Without exceptions, nothing below an ignored folder can come back.</summary>
    internal bool HasExceptions { get; }

    internal bool IsEmpty => _patterns.Length == 0;

    /// <param name="text">The file's text; null where there is none.</param>
    /// <exception cref="FormatException">A pattern is malformed; the message names its line.</exception>
    public static DockerIgnore Parse(string? text)
    {
        var patterns = new List<IgnorePattern>();
        var number = 0;
        foreach (var raw in (text ?? "").TrimStart('\uFEFF').Split('\n'))
        {
            number++;
            if (raw.StartsWith('#') || string.IsNullOrWhiteSpace(raw))
            {
                continue;
            }

            try
            {
                patterns.Add(IgnorePattern.Parse(raw.Trim()));
            }
            catch (FormatException fault)
            {
                throw new FormatException($".dockerignore, line {number}: {fault.Message}", fault);
            }
        }

        return patterns.Count == 0 ? None : new DockerIgnore([.. patterns]);
    }

    /// <param name="path">Relative to the context, with <c>/</c>; a folder may end with one.</param>
    public bool IsIgnored(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        path = path.Length > 1 ? path.TrimEnd('/') : path;
        if (IsEmpty || path is "" or ".")
        {
            return false;
        }

        var cut = path.LastIndexOf('/');
        var parent = cut <= 0 ? null : FolderAt(path[..cut]);
        var ignored = false;
        for (var i = 0; i < _patterns.Length; i++)
        {
            // A rule that would change nothing is not asked.
            if (_patterns[i].IsException == ignored && (parent?.Matches[i] == true || _patterns[i].IsMatch(path)))
            {
                ignored = !ignored;
            }
        }

        return ignored;
    }

    private Folder FolderAt(string path)
    {
        if (_last is { } last && last.Path == path)
        {
            return last;
        }

        var matches = new bool[_patterns.Length];
        for (var end = path.IndexOf('/', 1); ; end = path.IndexOf('/', end + 1))
        {
            var part = end < 0 ? path : path[..end];
            for (var i = 0; i < matches.Length; i++)
            {
                matches[i] = matches[i] || _patterns[i].IsMatch(part);
            }

            if (end < 0)
            {
                return _last = new Folder(path, matches);
            }
        }
    }

    private sealed record Folder(string Path, bool[] Matches);
}
