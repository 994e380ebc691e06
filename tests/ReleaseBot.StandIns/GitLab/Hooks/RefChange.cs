namespace ReleaseBot.StandIns.GitLab.Hooks;

/// <summary>What a push did to a ref; zeros stand for "none".</summary>
internal sealed record RefChange(string Ref, string Before, string After)
{
    private const string Zero = "0000000000000000000000000000000000000000";

    public bool IsTag => Ref.StartsWith("refs/tags/", StringComparison.Ordinal);

    public bool IsDeleted => After == Zero;

    private string Action => Before == Zero ? "created" : IsDeleted ? "removed" : "pushed";

    /// <summary>The changes between two states of the tags and branches.</summary>
    public static IReadOnlyList<RefChange> Between(IReadOnlyDictionary<string, string> before, IReadOnlyDictionary<string, string> after) =>
        [.. before.Keys.Union(after.Keys)
            .Where(name => name.StartsWith("refs/tags/", StringComparison.Ordinal) || name.StartsWith("refs/heads/", StringComparison.Ordinal))
            .Select(name => new RefChange(name, before.GetValueOrDefault(name, Zero), after.GetValueOrDefault(name, Zero)))
            .Where(change => change.Before != change.After)
            .OrderBy(change => change.Ref, StringComparer.Ordinal)];

    /// <summary>Those for which GitLab fires hooks: of a kind and action with more refs than the limit, none (app/services/git/process_ref_changes_service.rb).</summary>
    public static IEnumerable<RefChange> Announced(IEnumerable<RefChange> changes, int limit) =>
        changes.GroupBy(change => (change.IsTag, change.Action)).Where(group => group.Count() <= limit).SelectMany(group => group);
}
