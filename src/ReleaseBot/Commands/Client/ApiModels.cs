using System.Text.Json;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Commands.Client;

/// <summary>A release as the API shows it; what a command prints, and no more.</summary>
internal sealed record ApiRelease
{
    public string Id { get; init; } = "";
    public ApiProject Project { get; init; } = new();
    public ApiRef Ref { get; init; } = new();
    public string? Version { get; init; }
    public string Status { get; init; } = "";
    public ApiReason? Reason { get; init; }
    public IReadOnlyList<ApiImage> Images { get; init; } = [];
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    public ApiLinks Links { get; init; } = new();

    /// <summary>A status of a later server is not final, as far as we know.</summary>
    public bool IsFinal => Enum.TryParse<ReleaseStatus>(Status, ignoreCase: true, out var status) && status.IsFinal();

    public bool IsPublished => Status == ReleaseStatus.Published.ToText();
}

internal sealed record ApiProject
{
    public string Path { get; init; } = "";
}

internal sealed record ApiRef
{
    public string Name { get; init; } = "";
}

internal sealed record ApiReason
{
    public string Code { get; init; } = "";
    public string Message { get; init; } = "";
}

internal sealed record ApiImage
{
    public string Reference { get; init; } = "";
    public string Status { get; init; } = "";
    public string? Digest { get; init; }
    public ApiReason? Reason { get; init; }
}

internal sealed record ApiLinks
{
    public string? Page { get; init; }
}

/// <summary>A change of an image tag that a worker carries out.</summary>
internal sealed record ApiWish
{
    public string Id { get; init; } = "";
    public string Reference { get; init; } = "";
    public string? To { get; init; }
    public string Status { get; init; } = "";
    public string? Outcome { get; init; }

    /// <summary>A status of a later server is taken for an end, since nothing would be gained by waiting.</summary>
    public bool HasEnded => Status != TagChangeStatus.Pending.ToText();

    public bool IsDone => Status is "done" or "kept";
}

internal sealed record ApiRetracted
{
    public IReadOnlyList<ApiWish> Wishes { get; init; } = [];
}

internal sealed record ApiImageHistory
{
    public IReadOnlyList<ApiWish> Wishes { get; init; } = [];
}

internal sealed record ApiPlan
{
    public ApiProject Project { get; init; } = new();
    public ApiRef Ref { get; init; } = new();
    public string Commit { get; init; } = "";
    public string? Version { get; init; }
    public string Rule { get; init; } = "";
    public string Verdict { get; init; } = "";
    public ApiReason? Reason { get; init; }
    public IReadOnlyList<ApiPlannedImage> Images { get; init; } = [];
    public IReadOnlyList<ApiSkippedTag> Skipped { get; init; } = [];
    public string Note { get; init; } = "";
}

internal sealed record ApiPlannedImage
{
    public string Reference { get; init; } = "";
    public string Kind { get; init; } = "";
    public string Verdict { get; init; } = "";
    public string Reason { get; init; } = "";
}

internal sealed record ApiSkippedTag
{
    public string Registry { get; init; } = "";
    public string Tag { get; init; } = "";
    public string Reason { get; init; } = "";
}

/// <summary>A page of a list; the items as they came, so that <c>--json</c> loses nothing.</summary>
internal sealed record ApiPage
{
    public IReadOnlyList<JsonElement> Items { get; init; } = [];
    public string? Next { get; init; }
}

/// <summary>RFC 9457.</summary>
internal sealed record ApiProblem
{
    public string? Type { get; init; }
    public string? Title { get; init; }
    public string? Detail { get; init; }
}
