namespace ReleaseBot.Registries;

/// <summary>Every wait, retry and size of the client in one place.</summary>
internal sealed record RegistryLimits
{
    public static RegistryLimits Default { get; } = new();

    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Until the answer's headers are there. A slot is held meanwhile, so not longer than a busy registry needs to look something up.</summary>
    public TimeSpan Headers { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Until a manifest's arrival is confirmed: the registry looks for each blob in its storage first.</summary>
    public TimeSpan PutManifest { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Between two questions to a host that does not answer.</summary>
    public TimeSpan SilencePause { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Questions to a host that does not answer, before it is left for the next request to find out.</summary>
    public int SilenceProbes { get; init; } = 30;

    /// <summary>Without a byte of a blob, in either direction. There is no limit on the whole: layers of many gigabytes are legal.</summary>
    public TimeSpan Inactivity { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>From a blob's last byte to the answer: registries on object storage copy the whole blob once more in that time.</summary>
    public TimeSpan Commit(long bytes) => CommitBase + TimeSpan.FromSeconds((double)bytes / CommitRate);

    /// <summary>What even the smallest blob is given.</summary>
    public TimeSpan CommitBase { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Bytes that a slow storage copies in a second.</summary>
    public long CommitRate { get; init; } = 10_000_000;

    /// <summary>For the whole body of a manifest, a tag list or an error.</summary>
    public TimeSpan SmallBody { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>For the removal of an upload session that is not needed any more.</summary>
    public TimeSpan Abort { get; init; } = TimeSpan.FromSeconds(5);

    public int Tries { get; init; } = 3;

    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(0.5);

    public TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>A registry that asks for a longer pause is left to the caller, who need not hold a slot meanwhile.</summary>
    public TimeSpan LongestRetryAfter { get; init; } = TimeSpan.FromSeconds(10);

    public int Redirects { get; init; } = 5;

    /// <summary>The distribution specification has registries accept at least this much.</summary>
    public int ManifestBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>One page of tags. Registries that do not page answer with all of them.</summary>
    public int TagPageBytes { get; init; } = 64 * 1024 * 1024;

    public int ErrorBytes { get; init; } = 64 * 1024;

    public int TagPage { get; init; } = 1000;

    public int Tags { get; init; } = 1_000_000;

    public int TagPages { get; init; } = 20_000;

    public int ParallelBlobs { get; init; } = 4;

    /// <summary>An index may hold indexes, but not without end.</summary>
    public int IndexDepth { get; init; } = 3;
}
