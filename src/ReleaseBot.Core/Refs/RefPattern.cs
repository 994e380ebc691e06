using System.Text.RegularExpressions;

namespace ReleaseBot.Core;

/// <summary>
/// GitLab's wildcard on a short ref name: <c>*</c> stands for any characters, <c>/</c> and none included; everything else is literal and
/// case counts. <c>v*</c> matches <c>v1.0.0</c> and <c>version-9</c>; <c>production/*</c> matches <c>production/a/b</c>. (app/models/ref_matcher.rb)
/// </summary>
public sealed class RefPattern : IEquatable<RefPattern>
{
    private readonly Regex _regex;

    public RefPattern(string pattern)
    {
        Pattern = pattern;
        _regex = new Regex(@"\A" + Regex.Escape(pattern).Replace(@"\*", ".*", StringComparison.Ordinal) + @"\z",
            RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
    }

    public string Pattern { get; }

    public bool Matches(string name) => _regex.IsMatch(name);

    public bool Equals(RefPattern? other) => other is not null && Pattern == other.Pattern;

    public override bool Equals(object? obj) => Equals(obj as RefPattern);

    public override int GetHashCode() => Pattern.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Pattern;
}
