using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What releases are asked for; everything given must hold. Pages follow the key, so the last costs what the first does.</summary>
public sealed record ReleaseFilter
{
    public const int MaxLimit = 200;

    /// <summary>Path with namespace, or the id as a number.</summary>
    public string? Project { get; init; }

    /// <summary>Short or full ref name.</summary>
    public string? Ref { get; init; }
    public string? Version { get; init; }

    /// <summary>The beginning of a commit's hex, 7 digits or more.</summary>
    public string? Commit { get; init; }
    public IReadOnlyList<ReleaseStatus> Statuses { get; init; } = [];
    public string? Digest { get; init; }

    /// <summary><c>host/repository:tag</c>, or <c>host/repository</c> for any tag of it.</summary>
    public string? Image { get; init; }
    public DateTimeOffset? Since { get; init; }
    public DateTimeOffset? Until { get; init; }
    public int Limit { get; init; } = 50;

    /// <summary>The id of the last release of the page before.</summary>
    public Guid? Before { get; init; }
}

public sealed record DeliveryFilter
{
    public string? Project { get; init; }
    public DeliveryOutcome? Outcome { get; init; }
    public int Limit { get; init; } = 50;
    public Guid? Before { get; init; }
}

/// <summary>A page, newest first.</summary>
/// <param name="Next">What to pass as <c>Before</c> for the next page; null on the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, Guid? Next);
