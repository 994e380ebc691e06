using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <param name="Path">path_with_namespace, e.g. <c>acme/shop</c>, in GitLab's own case.</param>
/// <param name="HttpCloneUrl">For git over HTTP, without credentials, e.g. <c>https://gitlab.example/acme/shop.git</c>.</param>
/// <param name="DefaultBranch">Null for an empty repository.</param>
public sealed record GitLabProject(long Id, string Path, Uri WebUrl, Uri HttpCloneUrl, string? DefaultBranch, DateTimeOffset? LastActivityAt);

/// <summary>What GitLab says of a tag or branch now.</summary>
/// <param name="Target">What the ref names: a commit, or the object of an annotated tag. Equals a hook's <c>after</c> unless the ref moved.</param>
/// <param name="Commit">The commit behind it.</param>
public sealed record GitLabRef(bool IsProtected, ObjectId Target, ObjectId Commit, DateTimeOffset CommittedAt);

/// <param name="Name">The short name.</param>
public sealed record GitLabTag(string Name, bool IsProtected, ObjectId Target, ObjectId Commit, DateTimeOffset CommittedAt);

/// <summary>Whose the token is and what it may do.</summary>
/// <param name="Scopes">Null where GitLab does not tell, as for an OAuth token or before GitLab 15.5.</param>
/// <param name="ExpiresAt">The day at whose beginning (UTC) the token ends; null for never or unknown.</param>
public sealed record GitLabTokenCheck(string Username, IReadOnlyList<string>? Scopes, DateOnly? ExpiresAt);

/// <summary>A commit status as GitLab names it.</summary>
public enum CommitState
{
    Pending,
    Running,
    Success,
    Failed,
    Canceled,
}

/// <summary>A link of a GitLab Release to an image. Name and address are each unique in the release.</summary>
public sealed record ReleaseLink(string Name, Uri Url);

/// <summary>A commit of a project.</summary>
public sealed record GitLabCommit(ObjectId Id, DateTimeOffset CommittedAt);

/// <summary>Whose a hook is.</summary>
/// <param name="Path">path_with_namespace, or the group's full path.</param>
public sealed record GitLabHookOwner(bool IsGroup, long Id, string Path)
{
    public override string ToString() => $"{(IsGroup ? "group" : "project")} {Path}";
}

/// <summary>Whether GitLab sends a hook's events (lib/api/entities/hook.rb). While it does not they are lost: nothing is sent later.</summary>
public enum GitLabHookAlert
{
    Executable,

    /// <summary>After four failures in a row, for a minute that doubles with each further one, up to a day.</summary>
    TemporarilyDisabled,

    /// <summary>After forty, until somebody tests it.</summary>
    Disabled,
}

/// <param name="Url">As GitLab shows it; parts of it may be masked as <c>{name}</c>. May hold a secret: not for logs or rows.</param>
/// <param name="DisabledUntil">Of one that is temporarily disabled.</param>
public sealed record GitLabHook(long Id, string Url, GitLabHookAlert Alert, DateTimeOffset? DisabledUntil);

public enum GitLabHookTestOutcome
{
    /// <summary>The receiver answered 2xx: the hook is enabled.</summary>
    Passed,

    /// <summary>The receiver did not take it, or it was asked for too often.</summary>
    Failed,

    /// <summary>The token lacks the scope <c>api</c>, or its user the role.</summary>
    Denied,

    /// <summary>No such hook, or a GitLab before 16.11.</summary>
    Unknown,
}

/// <param name="Said">In GitLab's words.</param>
public sealed record GitLabHookTest(GitLabHookTestOutcome Outcome, string Said);
