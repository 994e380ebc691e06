using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text.RegularExpressions;

namespace ReleaseBot.Core;

/// <summary>
/// A strict SemVer 2.0.0 version, e.g. <c>1.2.3-rc.1+build.5</c>. Numbers may have any length, as the grammar allows.
/// Ordering is the specification's precedence (§11): build metadata does not count in it, but does in equality.
/// </summary>
public sealed partial record SemanticVersion(BigInteger Major, BigInteger Minor, BigInteger Patch, string Prerelease, string Build)
    : IComparable<SemanticVersion>
{
    public bool IsStable => Prerelease.Length == 0;

    public override string ToString() =>
        $"{Major}.{Minor}.{Patch}{(Prerelease.Length > 0 ? "-" + Prerelease : "")}{(Build.Length > 0 ? "+" + Build : "")}";

    /// <summary>Reads a tag's name: strict SemVer with an optional leading <c>v</c>. Any other name has no version.</summary>
    public static bool TryParseTag(string? name, [NotNullWhen(true)] out SemanticVersion? version) =>
        TryParse(name is ['v', .. var rest] ? rest : name, out version);

    public static bool TryParse(string? text, [NotNullWhen(true)] out SemanticVersion? version)
    {
        version = null;
        if (text is null || text.Length > GitRef.MaxNameBytes || Grammar().Match(text) is not { Success: true } match)
        {
            return false;
        }

        version = new SemanticVersion(Number(match, 1), Number(match, 2), Number(match, 3), match.Groups[4].Value, match.Groups[5].Value);
        return true;
    }

    public int CompareTo(SemanticVersion? other)
    {
        if (other is null)
        {
            return 1;
        }

        var core = (Major, Minor, Patch).CompareTo((other.Major, other.Minor, other.Patch));
        return core != 0 ? core : ComparePrerelease(Prerelease, other.Prerelease);
    }

    public static bool operator <(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) < 0;

    public static bool operator >(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) > 0;

    public static bool operator <=(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) <= 0;

    public static bool operator >=(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) >= 0;

    private static int ComparePrerelease(string left, string right)
    {
        if (left.Length == 0 || right.Length == 0)
        {
            return right.Length - left.Length;
        }

        var (a, b) = (left.Split('.'), right.Split('.'));
        for (var i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            var order = CompareIdentifier(a[i], b[i]);
            if (order != 0)
            {
                return order;
            }
        }

        return a.Length - b.Length;
    }

    private static int CompareIdentifier(string left, string right) => (IsNumber(left), IsNumber(right)) switch
    {
        (true, true) => BigInteger.Parse(left, null).CompareTo(BigInteger.Parse(right, null)),
        (true, false) => -1,
        (false, true) => 1,
        (false, false) => string.CompareOrdinal(left, right),
    };

    private static bool IsNumber(string identifier) => !identifier.AsSpan().ContainsAnyExceptInRange('0', '9');

    private static BigInteger Number(Match match, int group) => BigInteger.Parse(match.Groups[group].ValueSpan, null);

    [GeneratedRegex(@"\A(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)]
    private static partial Regex Grammar();
}
