namespace ReleaseBot.Core;

/// <summary>Who is told of a release's end: the rule's channels, and GitLab itself where the rule writes back.</summary>
public static class Tellings
{
    /// <summary>The outbox's name for the commit status in GitLab. No channel can bear it, as channels have no colon.</summary>
    public const string CommitStatus = "gitlab:commit-status";

    /// <summary>The outbox's name for the GitLab Release.</summary>
    public const string GitLabRelease = "gitlab:release";

    private static readonly HashSet<Outcome> EveryEnd = [Outcome.Published, Outcome.Failed, Outcome.Rejected];
    private static readonly HashSet<Outcome> Success = [Outcome.Published];

    public static IReadOnlyList<NotifyRule> Of(ProjectRule? rule, RefKind kind)
    {
        if (rule is null)
        {
            return [];
        }

        List<NotifyRule> tellings = [.. rule.Notify];
        if (rule.CommitStatus)
        {
            tellings.Add(new NotifyRule(CommitStatus, EveryEnd));
        }

        if (rule.GitLabRelease && kind == RefKind.Tag)
        {
            tellings.Add(new NotifyRule(GitLabRelease, Success));
        }

        return tellings;
    }
}
