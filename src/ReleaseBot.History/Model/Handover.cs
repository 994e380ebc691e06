namespace ReleaseBot.History;

/// <summary>A tag or a repository that an operator gave to another. Kept for ever.</summary>
public sealed class Handover
{
    public Guid Id { get; init; }
    public required string Host { get; init; }
    public required string Repository { get; init; }

    /// <summary>Null where the whole repository was handed over.</summary>
    public string? Tag { get; init; }
    public long FromProjectId { get; init; }

    /// <summary>The full ref that the tag belonged to; null for a repository.</summary>
    public string? FromRef { get; init; }
    public long ToProjectId { get; init; }

    /// <summary>The full ref that may take the tag; null for a repository.</summary>
    public string? ToRef { get; init; }

    /// <summary>The name of the operator's token.</summary>
    public required string By { get; init; }
    public required string Reason { get; init; }
    public DateTimeOffset At { get; init; }
}
