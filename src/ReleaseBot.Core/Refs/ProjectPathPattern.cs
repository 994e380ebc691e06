using System.Text.RegularExpressions;

namespace ReleaseBot.Core;

/// <summary>
/// A pattern on a project's path_with_namespace: <c>*</c> within a segment, <c>**</c> across segments, e.g. <c>acme/**</c>.
/// Case does not count, as in GitLab's own routes.
/// </summary>
public sealed class ProjectPathPattern : IEquatable<ProjectPathPattern>
{
    private readonly Regex _regex;

    public ProjectPathPattern(string pattern)
    {
        Pattern = pattern;
        var regex = Regex.Escape(pattern)
            .Replace(@"\*\*", "\0", StringComparison.Ordinal)
            .Replace(@"\*", "[^/]*", StringComparison.Ordinal)
            .Replace("\0", ".*", StringComparison.Ordinal);
        _regex = new Regex($@"\A{regex}\z", RegexOptions.NonBacktracking | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
    }

    public string Pattern { get; }

    /// <summary>Names one project, so it can be asked for by its path.</summary>
    public bool IsExact => !Pattern.Contains('*', StringComparison.Ordinal);

    public bool Matches(string path) => _regex.IsMatch(path);

    public bool Equals(ProjectPathPattern? other) => other is not null && Pattern == other.Pattern;

    public override bool Equals(object? obj) => Equals(obj as ProjectPathPattern);

    public override int GetHashCode() => Pattern.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Pattern;
}
