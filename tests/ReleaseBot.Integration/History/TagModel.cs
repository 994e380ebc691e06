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

    public SemanticVersion? SettlesOn(string tag) =>
        Tags.TryGetValue(tag, out var now) && now.ByOperator && !Retracted.Contains(now.Version)
            || Highest(tag) is not { } highest || !Tags.ContainsKey(tag) && !Published.Contains(highest)
            ? null
            : highest;

    private SemanticVersion? Highest(string tag) =>
        Published.Concat(Strays).Concat(Tags.TryGetValue(tag, out var now) ? [now.Version] : [])
            .Where(version => version.IsStable && TagsOf(version).Contains(tag) && !Retracted.Contains(version)).Max();
}
