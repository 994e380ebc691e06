using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>One image tag that a release publishes.</summary>
public sealed class ReleaseImage
{
    public Guid ReleaseId { get; init; }

    /// <summary>Its place in the plan, from 0.</summary>
    public int Ordinal { get; init; }
    public required string Registry { get; init; }
    public required string Host { get; init; }
    public required string Repository { get; init; }
    public required string Tag { get; init; }

    /// <summary><c>host/repository:tag</c>, for queries.</summary>
    public required string Reference { get; init; }
    public ImageTagKind Kind { get; init; }

    /// <summary>Of a floating tag: the numbers that its scope compares, major, minor and patch separated by commas, each empty where it does not count: <c>1,2,</c> of <c>1.2</c>.</summary>
    public string? Scope { get; init; }
    public ImageStatus Status { get; set; }
    public string? Digest { get; set; }
    public DateTimeOffset? FinishedAt { get; set; }
    public ReasonCode? ReasonCode { get; set; }
    public string? ReasonMessage { get; set; }

    public Reason? Reason => ReasonCode is { } code ? new Reason(code, ReasonMessage ?? "") : null;

    public ImageRef Image => new(new ImageRepository(Host, Repository), Tag);

    public FloatingScope FloatingScope => TagScope.Parse(Scope);

    public static ReleaseImage Of(Guid releaseId, int ordinal, PlannedImage planned) => new()
    {
        ReleaseId = releaseId,
        Ordinal = ordinal,
        Registry = planned.Registry,
        Host = planned.Image.Repository.Host,
        Repository = planned.Image.Repository.Name,
        Tag = planned.Image.Tag,
        Reference = planned.Image.ToString(),
        Kind = planned.Kind,
        Scope = planned.Scope is { } scope ? TagScope.Format(scope) : null,
        Status = ImageStatus.Pending,
    };
}

/// <summary>A stage of the present or an earlier attempt.</summary>
public sealed class ReleaseStage
{
    public Guid ReleaseId { get; init; }
    public int Attempt { get; init; }
    public StageName Name { get; init; }
    public StageStatus Status { get; set; }
    public DateTimeOffset StartedAt { get; set; }
    public DateTimeOffset? FinishedAt { get; set; }
}

/// <summary>A piece of a release's log.</summary>
public sealed class LogChunk
{
    public Guid ReleaseId { get; init; }

    /// <summary>From 1, without gaps; where a later attempt finds the log removed, it begins at a number that no earlier one had.</summary>
    public long Sequence { get; init; }

    /// <summary>UTF-8 text in whole lines, gzipped.</summary>
    public required byte[] Data { get; init; }
    public DateTimeOffset WrittenAt { get; init; }
}

/// <summary>An image that a release built at some attempt, so that what a straggler of ours pushed can be told from what a stranger did.</summary>
public sealed class ReleaseBuild
{
    public Guid ReleaseId { get; init; }

    /// <summary>The config digest.</summary>
    public required string ImageId { get; init; }

    /// <summary>The engine that has it, by the id that it gives itself; null where that is not known.</summary>
    public string? Engine { get; set; }
}
