using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Who an image tag belongs to, and what it points to by our own deed.</summary>
public sealed class TagOwner
{
    public required string Host { get; init; }
    public required string Repository { get; init; }
    public required string Tag { get; init; }
    public ImageTagKind Kind { get; set; }
    public long ProjectId { get; set; }

    /// <summary>The full ref that published it. A floating tag belongs to its project, so other refs may move it.</summary>
    public required string Ref { get; set; }

    /// <summary>Null where a floating tag was once put on a version that the registry held before us.</summary>
    public Guid? ReleaseId { get; set; }
    public string? Version { get; set; }
    public string? Digest { get; set; }

    /// <summary>
    /// The owning release reached <c>published</c>, or replaced what an earlier one of the ref had published (<see cref="LastPublished"/>); until then another may take
    /// the tag over.
    /// </summary>
    public bool IsPublished { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>
    /// Of a version tag: when the first push of ours to it began, whatever became of that. Null: what the registry holds under a name that was only
    /// reserved is somebody else's.
    /// </summary>
    public DateTimeOffset? PushBegunAt { get; set; }

    /// <summary>An operator lets this project and ref take the tag, though it is another's; null once they have, and where nobody may.</summary>
    public long? HandedToProjectId { get; set; }

    /// <summary>A full ref name.</summary>
    public string? HandedToRef { get; set; }

    /// <summary>Of a published version tag, and of any floating or branch tag that was put somewhere: when the registry is to be asked next whether it still holds the digest.</summary>
    public DateTimeOffset? NextCheckAt { get; set; }

    /// <summary>Since when the registry is known to say something else; null while it agrees.</summary>
    public DateTimeOffset? DriftAt { get; set; }

    /// <summary>What the registry said then; null where the tag was gone.</summary>
    public string? DriftDigest { get; set; }

    /// <summary>When a worker last saw what the registry says; null where it has not been looked at.</summary>
    public DateTimeOffset? SeenAt { get; set; }

    /// <summary>What the registry said then; null where the tag was gone.</summary>
    public string? SeenDigest { get; set; }
}

/// <summary>Which project a repository of a registry belongs to: the one that first published there.</summary>
public sealed class RepositoryOwner
{
    public required string Host { get; init; }
    public required string Repository { get; init; }
    public long ProjectId { get; set; }
    public Guid ReleaseId { get; set; }

    /// <summary>A release of the project reached <c>published</c> there; until then another project may take the repository over.</summary>
    public bool IsPublished { get; set; }
    public DateTimeOffset Since { get; set; }
}

public enum TagVerdict
{
    Created,
    Moved,
    Kept,
    /// <summary>An unpublished predecessor, or an overwrite that the rule allows.</summary>
    Replaced,
    /// <summary>It was there already, with this release's own image.</summary>
    Adopted,
    Refused,
    /// <summary>Found, not made: the registry says something else than we recorded.</summary>
    Drifted,
    /// <summary>A tag that had drifted was put back.</summary>
    Restored,
    /// <summary>Found, not made: the registry says again what we recorded, and nobody of ours put it back.</summary>
    Agreed,
}

/// <summary>A move of an image tag, or the decision not to move it. Kept for ever.</summary>
public sealed class TagMove
{
    public Guid Id { get; init; }
    public required string Host { get; init; }
    public required string Repository { get; init; }
    public required string Tag { get; init; }
    public DateTimeOffset At { get; init; }
    public string? From { get; init; }
    public string? To { get; init; }
    public Guid? ReleaseId { get; init; }
    public string? Version { get; init; }
    public TagVerdict Verdict { get; init; }
    public required string Reason { get; init; }

    /// <summary><c>release</c>, <c>drift check</c>, or the name of the operator's token.</summary>
    public required string By { get; init; }

    /// <summary>The <see cref="TagChange"/> that it came of; null for the move of a release.</summary>
    public Guid? ChangeId { get; init; }

    /// <summary>What a release did to the tag, or wished to do and may not.</summary>
    public static TagMove Of(Guid id, Release release, ReleaseImage image, Digest? from, Digest? to, TagVerdict verdict, string reason, DateTimeOffset now) => new()
    {
        Id = id,
        Host = image.Host,
        Repository = image.Repository,
        Tag = image.Tag,
        At = now,
        From = from?.Value,
        To = to?.Value,
        ReleaseId = release.Id,
        Version = release.Version,
        Verdict = verdict,
        Reason = reason,
        By = "release",
    };
}

/// <summary>A row that exists is a lock that is held: on a repository by a running release, on a tag while it is moved.</summary>
public sealed class ResourceLock
{
    /// <summary><c>repository:host/name</c> or <c>tag:host/name:tag</c>.</summary>
    public required string Resource { get; init; }

    /// <summary>The release, or the <see cref="TagChange"/>, that holds it.</summary>
    public Guid ReleaseId { get; set; }
    public long Fence { get; set; }

    /// <summary>Past it the lock is anyone's.</summary>
    public DateTimeOffset Until { get; set; }
}
