namespace ReleaseBot.StandIns.GitLab;

public enum StandInFaultKind
{
    /// <summary>The connection is cut without an answer.</summary>
    Away,
    /// <summary>Answers with <see cref="StandInFault.Status"/>.</summary>
    Status,
    /// <summary>Answers after <see cref="StandInFault.DelaySeconds"/>.</summary>
    Slow,
    /// <summary>A project lookup answers with <see cref="StandInFault.Project"/> instead.</summary>
    OtherProject,
    /// <summary>Moves <see cref="StandInFault.Ref"/> of <see cref="StandInFault.Project"/> to <see cref="StandInFault.To"/> just before the request is served.</summary>
    MoveRef,
    /// <summary>Deletes it.</summary>
    DeleteRef,
    /// <summary>The archive breaks off in its middle, with the connection.</summary>
    ArchiveCut,
    /// <summary>A whole gzip of a tar that ends after half of its entries, without the end-of-archive blocks.</summary>
    ArchiveCutAtEntry,
    /// <summary>A page of HTML instead of gzip.</summary>
    ArchiveNotGzip,
    /// <summary>Half of the archive, then silence for <see cref="StandInFault.DelaySeconds"/>, then the rest.</summary>
    ArchiveSlow,
}

/// <summary>What goes wrong with some of the requests.</summary>
public sealed record StandInFault
{
    public required StandInFaultKind Kind { get; init; }

    /// <summary>Requests whose method and decoded path hold this text, e.g. <c>GET /api/v4/projects/1/repository/tags/</c>; git's too. Empty: all.</summary>
    public string Matches { get; init; } = "";

    /// <summary>So many matching requests go well first.</summary>
    public int Skip { get; init; }

    /// <summary>So many get the fault after that; null: all.</summary>
    public int? Times { get; init; }

    public int Status { get; init; } = 500;

    /// <summary>JSON, sent with the status.</summary>
    public string? Body { get; init; }

    public int? RetryAfterSeconds { get; init; }

    public double DelaySeconds { get; init; } = 30;

    /// <summary>path_with_namespace.</summary>
    public string? Project { get; init; }

    /// <summary>Full.</summary>
    public string? Ref { get; init; }

    public string? To { get; init; }
}

/// <summary>A request that was served; credentials are in headers, so the path holds none.</summary>
/// <param name="Arrival">Counts up as requests come, while the list of them is in the order in which they were answered.</param>
public sealed record StandInRequest(string Method, string Path, string Query, int Status, long Arrival);

/// <summary>The faults that are switched on, with their counters.</summary>
internal sealed class FaultSwitches
{
    private readonly Lock _lock = new();
    private readonly List<(StandInFault Fault, int[] Seen)> _faults = [];

    public void Add(StandInFault fault)
    {
        lock (_lock)
        {
            _faults.Add((fault, [0]));
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _faults.Clear();
        }
    }

    /// <summary>Counts the request and gives the faults that it is to suffer.</summary>
    public IReadOnlyList<StandInFault> For(string methodAndPath)
    {
        lock (_lock)
        {
            var struck = new List<StandInFault>();
            foreach (var (fault, seen) in _faults)
            {
                if (methodAndPath.Contains(fault.Matches, StringComparison.Ordinal))
                {
                    var number = seen[0]++;
                    if (number >= fault.Skip && (fault.Times is null || number < fault.Skip + fault.Times))
                    {
                        struck.Add(fault);
                    }
                }
            }

            return struck;
        }
    }
}
