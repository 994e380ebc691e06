namespace ReleaseBot.Core;

/// <summary>Where a release stands: verifying → queued → building → pushing → published, or one of the other ends.</summary>
public enum ReleaseStatus
{
    /// <summary>Accepted; whether GitLab protects the ref is not known yet.</summary>
    Verifying,
    Queued,
    Building,
    /// <summary>Pushing, or waiting for a registry that is away (the reason then says which).</summary>
    Pushing,
    Published,
    /// <summary>A policy said no: unprotected, tag moved or gone, version exists, tag or repository taken.</summary>
    Rejected,
    /// <summary>Build or push failed for good.</summary>
    Failed,
    Canceled,
    /// <summary>A branch's newer commit took over before this one started.</summary>
    Superseded,
}

public enum ImageStatus
{
    Pending,
    Pushed,
    /// <summary>A floating tag that rightly did not move.</summary>
    Kept,
    Failed,
}

/// <summary>What an image tag promises.</summary>
public enum ImageTagKind
{
    /// <summary>Carries the whole version, the git tag's name or the commit: written once.</summary>
    Version,
    /// <summary>Follows a branch's head.</summary>
    Branch,
    /// <summary>Moves forward to the highest published stable version of its scope.</summary>
    Floating,
}

public enum StageName
{
    Verify,
    Queue,
    Source,
    Build,
    Push,
    Tags,
    Notify,
}

public enum StageStatus
{
    Running,
    Done,
    Failed,

    /// <summary>The release ended under it, canceled or superseded.</summary>
    Canceled,
    Skipped,
}

public enum TriggerKind
{
    Webhook,
    Reconcile,
    Manual,
}

/// <summary>What became of a webhook delivery.</summary>
public enum DeliveryOutcome
{
    Accepted,
    Ignored,
    Duplicate,
}

public static class ReleaseStatuses
{
    /// <summary>Nothing more will happen to a release in this status by itself.</summary>
    public static bool IsFinal(this ReleaseStatus status) =>
        status is ReleaseStatus.Published or ReleaseStatus.Rejected or ReleaseStatus.Failed or ReleaseStatus.Canceled or ReleaseStatus.Superseded;

    /// <summary>An operator, or a new delivery of the same ref, may have it judged again.</summary>
    public static bool CanRetry(this ReleaseStatus status) =>
        status is ReleaseStatus.Rejected or ReleaseStatus.Failed or ReleaseStatus.Canceled;
}
