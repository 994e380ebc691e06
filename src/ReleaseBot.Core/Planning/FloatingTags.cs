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

/// <summary>Why a version counts among those that a floating tag chooses from.</summary>
public enum CountedFor
{
    /// <summary>We published it.</summary>
    Published,
    /// <summary>The registry lists it, and not by our doing.</summary>
    Listed,
    /// <summary>We put the tag on it, however far its release has come.</summary>
    Standing,
}

/// <summary>A version that a floating tag takes into account.</summary>
public readonly record struct CountedVersion(SemanticVersion Version, CountedFor For);

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
    /// <param name="counted">Every version in the repository that counts: published ones by history, and whatever the registry held. Unstable ones and other scopes are passed over.</param>
    public static FloatingVerdict Decide(SemanticVersion? candidate, FloatingScope scope, IEnumerable<CountedVersion> counted)
    {
        if (candidate is null)
        {
            return new FloatingVerdict.Keep(ReasonCode.NoVersion, "the ref has no version, so it moves no floating tag");
        }

        if (!candidate.IsStable)
        {
            return new FloatingVerdict.Keep(ReasonCode.PreRelease, $"{candidate} is a pre-release, which moves no floating tag");
        }

        return Highest(scope, counted) is { } highest && highest.Version > candidate
            ? new FloatingVerdict.Keep(ReasonCode.NotNewest, $"{Said(highest)} and higher than {candidate} among {scope}")
            : new FloatingVerdict.Move($"{candidate} is the highest published stable version among {scope}");
    }

    /// <summary>The version that a floating tag of the scope belongs on; null where none is stable and in the scope.</summary>
    /// <returns>Of what counts for several reasons, the first of them.</returns>
    public static CountedVersion? Highest(FloatingScope scope, IEnumerable<CountedVersion> counted)
    {
        CountedVersion? highest = null;
        foreach (var one in counted)
        {
            if (one.Version.IsStable && scope.Contains(one.Version)
                && (highest is not { } best || one.Version > best.Version || one.Version.Equals(best.Version) && one.For < best.For))
            {
                highest = one;
            }
        }

        return highest;
    }

    private static string Said(CountedVersion counted) => counted.For switch
    {
        CountedFor.Published => $"{counted.Version} is published",
        CountedFor.Listed => $"{counted.Version} is in the registry, though not by us (retract it if it is not to count),",
        _ => $"{counted.Version} is not published, but is what we put this tag on,",
    };
}
