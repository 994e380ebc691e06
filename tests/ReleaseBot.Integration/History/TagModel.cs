using ReleaseBot.Core;

namespace ReleaseBot.Integration.History;

/// <summary>What floating tags ought to do, in ten lines: the whole rule, without locks, leases, crashes and registries.</summary>
internal sealed class TagModel
{
    public HashSet<SemanticVersion> Published { get; } = [];
    public HashSet<SemanticVersion> Strays { get; } = [];
    public HashSet<SemanticVersion> Retracted { get; } = [];
    public Dictionary<string, (SemanticVersion Version, bool ByOperator)> Tags { get; } = [];

    /// <summary>Of <c>{major}</c>, <c>{major}.{minor}</c> and <c>latest</c>; 0.x has no <c>{major}</c>.</summary>
    public static IEnumerable<string> TagsOf(SemanticVersion version) =>
        version.Major.IsZero ? ["latest", $"0.{version.Minor}"] : ["latest", $"{version.Major}", $"{version.Major}.{version.Minor}"];

    public bool MovesTo(SemanticVersion version, string tag) =>
        version.IsStable && !Retracted.Contains(version) && (Highest(tag) is not { } highest || highest <= version);

    /// <param name="found">What the registry has there, if that is not what is in the history.</param>
    public SemanticVersion? SettlesOn(string tag, SemanticVersion? found = null)
    {
        var (now, byOperator) = Tags.GetValueOrDefault(tag);
        var isOnRetracted = (found ?? now) is { } standing && Retracted.Contains(standing);
        var ours = Highest(tag, [.. Published, now]);
        return isOnRetracted ? ours : byOperator || Highest(tag) != ours ? null : ours;
    }

    private SemanticVersion? Highest(string tag) => Highest(tag, [.. Published, .. Strays, Tags.GetValueOrDefault(tag).Version]);

    private SemanticVersion? Highest(string tag, IEnumerable<SemanticVersion?> counted) =>
        counted.Where(version => version is { IsStable: true } && TagsOf(version).Contains(tag) && !Retracted.Contains(version)).Max();
}
