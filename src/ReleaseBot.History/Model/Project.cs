using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A GitLab project that was seen in a hook, named by a rule or listed for our token.</summary>
public sealed class Project
{
    /// <summary>GitLab's id; the path may change.</summary>
    public long Id { get; init; }
    public required string Path { get; set; }
    public string? Url { get; set; }
    public DateTimeOffset FirstSeenAt { get; init; }

    /// <summary>When the tags that existed were taken as the baseline; null until GitLab could be asked.</summary>
    public DateTimeOffset? BaselineAt { get; set; }

    /// <summary>When its tags were last asked for, from before the answer.</summary>
    public DateTimeOffset? ReconciledAt { get; set; }

    /// <summary>When its tags are asked for again though it seems idle.</summary>
    public DateTimeOffset? NextLookAt { get; set; }

    /// <summary>When its hooks are asked for again at the earliest.</summary>
    public DateTimeOffset? NextHooksAt { get; set; }

    /// <summary>How its last release ended that was published or failed, to know a recovery from a routine success.</summary>
    public ReleaseStatus? LastStatus { get; set; }

    /// <summary>When a release of it last started, for fairness between projects.</summary>
    public DateTimeOffset? LastStartedAt { get; set; }

    /// <summary>When GitLab was last asked about a release of it, for fairness between projects there too.</summary>
    public DateTimeOffset? LastVerifiedAt { get; set; }

    /// <summary>The engine that built it last, by the engine's own id: that one has its layers.</summary>
    public string? LastEngine { get; set; }
}

/// <summary>A tag that existed when its project was first known; it is never published by itself.</summary>
public sealed class BaselineTag
{
    public long ProjectId { get; init; }
    public required string Name { get; init; }
    public required string Target { get; init; }
}

/// <summary>A worker that was seen lately.</summary>
public sealed class WorkerHeartbeat
{
    /// <summary>Workers show themselves every few seconds.</summary>
    internal static readonly TimeSpan AliveWithin = TimeSpan.FromMinutes(1);

    public required string Name { get; init; }

    /// <summary>The id that its engine gives itself; null where the engine was not there to be asked.</summary>
    public string? Engine { get; set; }
    public DateTimeOffset StartedAt { get; set; }
    public DateTimeOffset SeenAt { get; set; }
    public int Slots { get; set; }
    public int Running { get; set; }

    /// <summary>Since when it takes no more releases, by an operator's wish; null: it does.</summary>
    public DateTimeOffset? PausedAt { get; set; }

    /// <summary>Since when its engine's disk has too little room for a build, though its cache was emptied; null: it has room, or can't be seen.</summary>
    public DateTimeOffset? FullSince { get; set; }

    public bool IsAlive(DateTimeOffset now) => now - SeenAt <= AliveWithin;
}
