namespace ReleaseBot.History;

/// <summary>
/// A put of a floating or branch tag that was begun. Whoever made it removes the row with what came of it; what a worker that was killed, or thought dead, leaves behind
/// is the evidence that a late put is our own.
/// </summary>
public sealed class OpenPut
{
    public Guid Id { get; init; }
    public required string Host { get; init; }
    public required string Repository { get; init; }
    public required string Tag { get; init; }

    /// <summary>What the tag is put on.</summary>
    public required string Digest { get; init; }

    /// <summary>The release, or the <see cref="TagChange"/>, that puts it.</summary>
    public Guid HolderId { get; init; }
    public long Fence { get; init; }
    public DateTimeOffset OpenedAt { get; init; }
}
