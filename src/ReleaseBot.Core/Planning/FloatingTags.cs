using System.Numerics;

namespace ReleaseBot.Core;

/// <summary>The versions that a floating tag chooses from: <c>1.2</c> those with major 1 and minor 2, <c>latest</c> all. A null number is not compared.</summary>
public sealed record FloatingScope(BigInteger? Major, BigInteger? Minor, BigInteger? Patch)
{
    public static FloatingScope All { get; } = new(null, null, null);

    public bool Contains(SemanticVersion version) =>
        (Major is null || Major == version.Major) && (Minor is null || Minor == version.Minor) && (Patch is null || Patch == version.Patch);

    /// <summary>For people: <c>all versions</c>, <c>1.x</c>, <c>1.2.x</c>.</summary>
    public override string ToString() => (Major, Minor) switch
    {
        (null, null) => "all versions",
        (not null, null) => $"{Major}.x",
        _ => $"{Major?.ToString(null, null) ?? "*"}.{Minor}.x",
    };
}

/// <summary>Whether a floating tag moves to a release's image, and why.</summary>
public abstract record FloatingVerdict(string Why)
{
    public sealed record Move(string Why) : FloatingVerdict(Why);

    public sealed record Keep(ReasonCode Code, string Why) : FloatingVerdict(Why);
}

/// <summary>Floating tags only move forward: to the highest published stable version of their scope.</summary>
public static class FloatingTags
{
    /// <param name="candidate">The version of the release at hand.</param>
    /// <param name="published">Every version in the repository that counts: published ones by history, and whatever the registry held. Unstable ones and other scopes are passed over.</param>
    public static FloatingVerdict Decide(SemanticVersion? candidate, FloatingScope scope, IEnumerable<SemanticVersion> published)
    {
        if (candidate is null)
        {
            return new FloatingVerdict.Keep(ReasonCode.NoVersion, "the ref has no version, so it moves no floating tag");
        }

        if (!candidate.IsStable)
        {
            return new FloatingVerdict.Keep(ReasonCode.PreRelease, $"{candidate} is a pre-release, which moves no floating tag");
        }

        var highest = Highest(scope, published);
        return highest is not null && highest > candidate
            ? new FloatingVerdict.Keep(ReasonCode.NotNewest, $"{highest} is published and higher than {candidate} among {scope}")
            : new FloatingVerdict.Move($"{candidate} is the highest published stable version among {scope}");
    }

    /// <summary>The version that a floating tag of the scope belongs on; null where none is stable and in the scope.</summary>
    public static SemanticVersion? Highest(FloatingScope scope, IEnumerable<SemanticVersion> published) =>
        published.Where(version => version.IsStable && scope.Contains(version)).Max();
}
