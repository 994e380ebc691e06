using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A delivery that was let in, with what the rules make of it.</summary>
public sealed record NewDelivery
{
    /// <summary>Of a key that was made of the content, since the sender gives no id.</summary>
    public const string ContentKey = "content:";

    /// <summary>The sender's id, or <see cref="ContentKey"/> and a hash.</summary>
    public required string Key { get; init; }
    public required DateTimeOffset ReceivedAt { get; init; }
    public required string Event { get; init; }
    public long? ProjectId { get; init; }
    public string? ProjectPath { get; init; }
    public string? Ref { get; init; }
    public string? Before { get; init; }
    public string? After { get; init; }
    public string? User { get; init; }

    /// <summary>A JSON object of the headers that matter; never a credential.</summary>
    public required string Headers { get; init; }
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Why nothing comes of it; null where a release does.</summary>
    public Reason? Ignored { get; init; }

    /// <summary>What comes of it; null where it is ignored.</summary>
    public NewRelease? Release { get; init; }
}

/// <summary>A release to be verified.</summary>
public sealed record NewRelease
{
    public required long ProjectId { get; init; }
    public required string ProjectPath { get; init; }
    public string? ProjectUrl { get; init; }
    public required GitRef Ref { get; init; }
    public required ObjectId Target { get; init; }

    /// <summary>Of a branch: where it was before. Zero where that is not known.</summary>
    public ObjectId Before { get; init; }
    public required TriggerKind Trigger { get; init; }
    public string? User { get; init; }

    public string Key => ReleaseKey.Of(ProjectId, Ref, Target, Before);
}

/// <summary>What was stored, and what the sender is told.</summary>
public sealed record StoredDelivery(Guid DeliveryId, DeliveryOutcome Outcome, Reason? Reason, Guid? ReleaseId);
