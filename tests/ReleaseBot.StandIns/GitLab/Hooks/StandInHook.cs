namespace ReleaseBot.StandIns.GitLab.Hooks;

public enum HookScope
{
    Project,
    Group,
    System,
}

/// <summary>A webhook as an owner sets it up.</summary>
public sealed record StandInHook
{
    public long Id { get; internal init; }

    public required Uri Url { get; init; }

    public HookScope Scope { get; init; } = HookScope.System;

    /// <summary>The project's path, or the group's; not used for a system hook.</summary>
    public string? Owner { get; init; }

    /// <summary>Sent in clear as X-Gitlab-Token.</summary>
    public string? Token { get; init; }

    /// <summary><c>whsec_</c> and base64; sent deliveries are signed with it, from GitLab 19 on.</summary>
    public string? SigningToken { get; init; }

    internal bool Covers(StandInProject project) => Scope switch
    {
        HookScope.Project => project.Path == Owner,
        HookScope.Group => project.Path.StartsWith(Owner + "/", StringComparison.Ordinal),
        HookScope.System => true,
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}

/// <summary>A request that was sent to a hook, and what became of it.</summary>
public sealed record StandInDelivery
{
    /// <summary>The same for a resend.</summary>
    public required string Id { get; init; }

    public required long HookId { get; init; }

    /// <summary>X-Gitlab-Event.</summary>
    public required string Event { get; init; }

    public required string Project { get; init; }

    /// <summary>The full ref.</summary>
    public required string Ref { get; init; }

    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    public required ReadOnlyMemory<byte> Body { get; init; }

    public required DateTimeOffset SentAt { get; init; }

    /// <summary>Until it was answered, or given up.</summary>
    public TimeSpan Took { get; init; }

    /// <summary>The answer's status; null when there was none.</summary>
    public int? Status { get; init; }

    /// <summary>The answer's first 8 KB.</summary>
    public string? Answer { get; init; }

    public string? Error { get; init; }
}
