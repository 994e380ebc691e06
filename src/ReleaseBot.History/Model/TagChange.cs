using ReleaseBot.Core;

namespace ReleaseBot.History;

public enum TagChangeKind
{
    /// <summary>An operator puts a floating tag on a published version.</summary>
    Move,
    /// <summary>
    /// A version was taken out of the reckoning: a floating tag that is on it goes to the highest of ours that is left of its scope, and one that it held back catches up.
    /// </summary>
    Settle,
    /// <summary>A version tag that drifted is put back on what was published.</summary>
    Restore,
}

public enum TagChangeStatus
{
    Pending,
    Done,
    /// <summary>There was nothing to do.</summary>
    Kept,
    Failed,
    /// <summary>A release moved the tag on before the wish came to its turn.</summary>
    Overtaken,
}

/// <summary>
/// A wish to change one image tag. The web role writes it, having no credentials of registries; a worker carries it out under a lease and
/// under the lock of the tag. The row is the job, as a release's is.
/// </summary>
public sealed class TagChange
{
    /// <summary>A UUIDv7 made when the wish was accepted. Wishes for one tag are carried out in this order.</summary>
    public Guid Id { get; init; }
    public required string Host { get; init; }
    public required string Repository { get; init; }
    public required string Tag { get; init; }
    public TagChangeKind Kind { get; init; }

    /// <summary>
    /// The version tag that it is to point to; of a <see cref="TagChangeKind.Settle"/>, which decides when it is carried out, the version that a
    /// worker was about to put, null before.
    /// </summary>
    public string? To { get; set; }

    /// <summary>
    /// The digest of <see cref="To"/> when the wish was accepted; of a <see cref="TagChangeKind.Settle"/>, what a worker was about to put, so that
    /// whoever takes over from it knows what is its own.
    /// </summary>
    public string? Digest { get; set; }

    /// <summary>Of a floating tag: see <see cref="ReleaseImage.Scope"/>.</summary>
    public string? Scope { get; init; }

    /// <summary>Whose wish it is: the name of a token, or <c>drift check</c>.</summary>
    public required string By { get; init; }

    /// <summary>Why, in the words of whoever wished it.</summary>
    public required string Reason { get; init; }
    public TagChangeStatus Status { get; set; }

    /// <summary>How it ended, or why it has not yet, for people.</summary>
    public string? Outcome { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset NextAt { get; set; }
    public int Tries { get; set; }

    /// <summary>Grows with every claim; a write that carries an older one is refused.</summary>
    public long Fence { get; set; }
    public DateTimeOffset? LeaseUntil { get; set; }
    public DateTimeOffset? FinishedAt { get; set; }

    public ImageRef Image => new(new ImageRepository(Host, Repository), Tag);
}

/// <summary>A version that no floating tag of the repository takes into account any more, for good.</summary>
public sealed class TagRetraction
{
    public required string Host { get; init; }
    public required string Repository { get; init; }

    /// <summary>The version tag, e.g. <c>v9.9.9</c>.</summary>
    public required string Tag { get; init; }

    /// <summary>The version that it stands for, under whatever other tag; null where it has none.</summary>
    public string? Version { get; init; }

    /// <summary>Null for a tag of the registry that we never published.</summary>
    public Guid? ReleaseId { get; init; }

    /// <summary>The name of the operator's token.</summary>
    public required string By { get; init; }
    public required string Reason { get; init; }
    public DateTimeOffset At { get; init; }
}
