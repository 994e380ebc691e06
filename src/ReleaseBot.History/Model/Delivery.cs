using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A webhook delivery and what became of it.</summary>
public sealed class Delivery
{
    public Guid Id { get; init; }

    /// <summary>GitLab's delivery id, or one made of the delivery's content where it sent none.</summary>
    public required string Key { get; init; }
    public DateTimeOffset ReceivedAt { get; init; }

    /// <summary>The event's name as GitLab gives it, e.g. <c>Tag Push Hook</c>.</summary>
    public required string Event { get; init; }
    public long? ProjectId { get; init; }
    public string? ProjectPath { get; init; }

    /// <summary>The full ref name as sent.</summary>
    public string? Ref { get; init; }
    public string? Before { get; init; }
    public string? After { get; init; }
    public string? User { get; init; }
    public DeliveryOutcome Outcome { get; set; }
    public ReasonCode? ReasonCode { get; set; }
    public string? ReasonMessage { get; set; }
    public Guid? ReleaseId { get; set; }

    /// <summary>The headers that matter, as a JSON object; never a credential.</summary>
    public required string Headers { get; init; }

    /// <summary>The body as it came, gzipped; null once it is no longer kept, and always for an ignored delivery.</summary>
    public byte[]? Body { get; set; }

    /// <summary>sha256 of the body, in hex.</summary>
    public required string BodySha256 { get; init; }
    public int BodyBytes { get; init; }
}
