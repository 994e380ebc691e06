using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Something to be told once, written in the transaction that made it true.</summary>
public sealed class OutboxMessage
{
    public Guid Id { get; init; }
    public Guid ReleaseId { get; init; }
    public int Attempt { get; init; }

    /// <summary>The channel's name; <c>gitlab:commit-status</c> and <c>gitlab:release</c> are GitLab itself.</summary>
    public required string Channel { get; init; }
    public Outcome Outcome { get; init; }

    /// <summary>Set where it is not the release's end that is told, but that a registry says something else since: what was found.</summary>
    public string? Drift { get; init; }

    /// <summary>How many more tags of the release were found changed in the same round; the message stands for them too.</summary>
    public int MoreDrift { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset NextAt { get; set; }
    public int Tries { get; set; }
    public DateTimeOffset? DeliveredAt { get; set; }

    /// <summary>Given up; <see cref="LastError"/> says why.</summary>
    public DateTimeOffset? DeadAt { get; set; }
    public string? LastError { get; set; }
    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>A message of the release's present attempt.</summary>
    /// <param name="wait">How long it is kept back, for what else may come to stand in it.</param>
    internal static OutboxMessage Of(Release release, string channel, Outcome outcome, DateTimeOffset now, string? drift = null, TimeSpan wait = default) => new()
    {
        Id = Guid.CreateVersion7(now),
        ReleaseId = release.Id,
        Attempt = release.Attempt,
        Channel = channel,
        Outcome = outcome,
        Drift = drift,
        CreatedAt = now,
        NextAt = now + wait,
    };
}
