namespace ReleaseBot.History;

/// <summary>A comparison of GitLab with the history, once through all projects.</summary>
public sealed class ReconcileRound
{
    /// <summary>Counts up. Two processes that begin at once want the same one, and one gets it.</summary>
    public long Number { get; init; }

    /// <summary>The process that goes through it.</summary>
    public required string Owner { get; init; }
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>Another process may begin the next round after this: the owner has died.</summary>
    public DateTimeOffset LeaseUntil { get; set; }
    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>JSON, as the API shows it.</summary>
    public required string Report { get; set; }
}

/// <summary>A hook of ours to which GitLab sends nothing, as it was when last looked at.</summary>
public sealed class DisabledHook
{
    public bool IsGroup { get; init; }

    /// <summary>GitLab's id of the project or group.</summary>
    public long OwnerId { get; init; }
    public long HookId { get; init; }

    /// <summary>path_with_namespace, or the group's full path.</summary>
    public required string OwnerPath { get; set; }

    /// <summary><c>temporarily_disabled</c> or <c>disabled</c>.</summary>
    public required string Status { get; set; }
    public DateTimeOffset? DisabledUntil { get; set; }

    /// <summary>When it was first seen so.</summary>
    public DateTimeOffset Since { get; init; }
    public DateTimeOffset SeenAt { get; set; }

    /// <summary>What came of the latest try to enable it, in words; null where there was none.</summary>
    public string? Attempt { get; set; }
}
