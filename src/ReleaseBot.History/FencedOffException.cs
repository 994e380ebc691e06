namespace ReleaseBot.History;

/// <summary>A write carried a fence that is no longer the row's, a release's or a wish's, or a tag's lock that is not its own any more: another worker has taken over, or an operator ended it. Whoever gets this stops at once.</summary>
public sealed class FencedOffException(Guid releaseId, long fence)
    : Exception($"{releaseId} is no longer held under fence {fence}.")
{
    public Guid ReleaseId { get; } = releaseId;

    public long Fence { get; } = fence;
}
