using ReleaseBot.Core;

namespace ReleaseBot.Integration.History;

/// <summary>What floating tags ought to do, in ten lines: the whole rule, without locks, leases, crashes and registries.</summary>
internal sealed class TagModel
{
    public HashSet<SemanticVersion> Published { get; } = [];
    public HashSet<SemanticVersion> Strays { get; } = [];
    public HashSet<SemanticVersion> Retracted { get; } = [];
    public Dictionary<string, (SemanticVersion Version, bool ByOperator)> Tags { get; } = [];

    private SemanticVersion? Highest(FloatingScope scope) =>
        Published.Concat(Strays).Where(version => version.IsStable && scope.Contains(version) && !Retracted.Contains(version)).Max();

    public bool MovesTo(SemanticVersion version, FloatingScope scope) =>
        version.IsStable && !Retracted.Contains(version) && (Highest(scope) is not { } highest || highest <= version);

    public SemanticVersion? SettlesOn(string tag, FloatingScope scope) =>
        Tags.TryGetValue(tag, out var now) && now.ByOperator && !Retracted.Contains(now.Version)
            || Highest(scope) is not { } highest || !Tags.ContainsKey(tag) && !Published.Contains(highest)
            ? null
            : highest;
}
