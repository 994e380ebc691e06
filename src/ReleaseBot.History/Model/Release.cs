using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>One release: a ref at one target object, published once. The row is the job: whoever holds its lease and fence may write to it.</summary>
public sealed class Release
{
    /// <summary>A UUIDv7 made when the release was accepted, so that ids sort by time.</summary>
    public Guid Id { get; init; }

    /// <summary>What makes it one release: project id, full ref, target object, and for a branch the object before; and where a branch repeats a step the release before; see <see cref="ReleaseKey"/>.</summary>
    public required string Key { get; init; }
    public long ProjectId { get; init; }
    public required string ProjectPath { get; set; }
    public string? ProjectUrl { get; set; }
    public RefKind RefKind { get; init; }
    public required string RefName { get; init; }
    public bool? IsProtected { get; set; }

    /// <summary>The object that the ref pointed to: of an annotated tag the tag object, else the commit.</summary>
    public required string Target { get; init; }
    public string? Commit { get; set; }
    public DateTimeOffset? CommittedAt { get; set; }
    public string? Version { get; set; }
    public TriggerKind TriggerKind { get; init; }
    public Guid? DeliveryId { get; init; }
    public string? TriggerUser { get; init; }

    public ReleaseStatus Status { get; set; }
    public ReasonCode? ReasonCode { get; set; }
    public string? ReasonMessage { get; set; }
    public int Attempt { get; set; } = 1;

    /// <summary>How the attempt before this one ended.</summary>
    public ReleaseStatus? PreviousStatus { get; set; }

    /// <summary>Grows with every claim; a write that carries an older one is refused.</summary>
    public long Fence { get; set; }
    public string? Owner { get; set; }
    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>Not to be claimed before this time.</summary>
    public DateTimeOffset NotBefore { get; set; }

    /// <summary>Tries of the present wait (verification, or a registry that is away); the waits grow with it.</summary>
    public int Tries { get; set; }

    /// <summary>Since when a registry has been waited for.</summary>
    public DateTimeOffset? WaitingSince { get; set; }

    /// <summary>The engine whose cache was emptied for its build, which goes on there; null where none was.</summary>
    public string? RoomEngine { get; set; }
    public DateTimeOffset? DispatchedAt { get; set; }
    public DateTimeOffset? DispatchLeaseUntil { get; set; }
    public DateTimeOffset? CancelRequestedAt { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? QueuedAt { get; set; }
    public DateTimeOffset? StartedAt { get; set; }
    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>The config digest of the image that was built, recorded before the first push.</summary>
    public string? ImageId { get; set; }

    /// <summary>The manifest digest, the same on every registry.</summary>
    public string? Digest { get; set; }

    /// <summary>When an operator took its version out of the reckoning, for good; null where nobody did.</summary>
    public DateTimeOffset? RetractedAt { get; set; }

    /// <summary>The name of the operator's token.</summary>
    public string? RetractedBy { get; set; }
    public string? RetractedReason { get; set; }

    public List<ReleaseImage> Images { get; init; } = [];
    public List<ReleaseStage> Stages { get; init; } = [];

    public GitRef Ref => RefKind == RefKind.Tag ? GitRef.Tag(RefName) : GitRef.Branch(RefName);

    public Reason? Reason => ReasonCode is { } code ? new Reason(code, ReasonMessage ?? "") : null;
}

public static class ReleaseKey
{
    /// <summary>For a branch <paramref name="before"/> counts too, since a branch may come back to a commit (A, B, A).</summary>
    public static string Of(long projectId, GitRef gitRef, ObjectId target, ObjectId before) =>
        gitRef.Kind == RefKind.Tag ? $"{projectId}:{gitRef.FullName}:{target}" : $"{projectId}:{gitRef.FullName}:{target}:{before}";

    /// <summary>Of a branch that came back to where it had been by the very same step (A, B, A, B).</summary>
    /// <param name="after">The release that had it elsewhere.</param>
    internal static string OfReturn(string key, Guid after) => $"{key}:{after:N}";

    /// <summary>git allows no colon in a ref's name, so a colon more than a branch's key has tells it.</summary>
    internal static bool IsReturn(string key) => key.AsSpan().Count(':') == 4;

    internal static bool IsReturnOf(string key, string first) => IsReturn(key) && key.StartsWith(first + ":", StringComparison.Ordinal);
}
