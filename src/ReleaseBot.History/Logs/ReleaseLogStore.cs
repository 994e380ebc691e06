using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A piece of a log: whole lines of UTF-8, in the order of <see cref="Sequence"/>.</summary>
public sealed record LogPiece(long Sequence, ReadOnlyMemory<byte> Text);

/// <summary>Where a piece was written at an earlier try whose answer may have been lost; one for all tries of a piece.</summary>
public sealed class LogPlace
{
    internal long? Sequence { get; set; }
}

/// <summary>The logs of releases, appended in compressed pieces.</summary>
public sealed class ReleaseLogStore(HistoryDatabase database, HistorySignals signals, RetentionSettings retention)
{
    /// <summary>More pieces than an attempt has: a log is bounded, and a piece is what came in a while.</summary>
    private const long PiecesOfAttempt = 1_000_000;

    /// <summary>Appends whole lines. Refused with <see cref="FencedOffException"/> once the fence is no longer the release's.</summary>
    public Task AppendAsync(Guid releaseId, long fence, ReadOnlyMemory<byte> text, CancellationToken cancellationToken) =>
        AppendAsync(releaseId, fence, text, new LogPlace(), cancellationToken);

    /// <inheritdoc cref="AppendAsync(Guid, long, ReadOnlyMemory{byte}, CancellationToken)"/>
    /// <param name="place">The same at each try of a piece, so that it is written once.</param>
    public async Task AppendAsync(Guid releaseId, long fence, ReadOnlyMemory<byte> text, LogPlace place, CancellationToken cancellationToken)
    {
        var data = Compression.Compress(text.Span);
        await database.WriteAsync(
            async (context, token) =>
            {
                var release = await database.HeldAsync(context, releaseId, fence, token);
                // The piece is there if the answer to an earlier commit was lost; only the holder of the fence writes.
                if (place.Sequence is { } earlier && await context.LogChunks.AnyAsync(
                    chunk => chunk.ReleaseId == releaseId && chunk.Sequence == earlier && chunk.Data == data, token))
                {
                    return 0;
                }

                place.Sequence = await NextAsync(context, release, token);
                context.LogChunks.Add(new LogChunk
                {
                    ReleaseId = releaseId,
                    Sequence = place.Sequence.Value,
                    Data = data,
                    WrittenAt = database.Now(),
                });
                await signals.SendLogAppendedAsync(context, releaseId, token);
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);
        signals.RaiseLogAppended(releaseId);
    }

    /// <summary>The number of the newest piece; 0 where there is none.</summary>
    public Task<long> LastAsync(Guid releaseId, CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => LastAsync(context, releaseId, token), cancellationToken);

    /// <summary>The pieces after a sequence number, oldest first, <paramref name="limit"/> at the most.</summary>
    public async Task<IReadOnlyList<LogPiece>> ReadAsync(Guid releaseId, long after, int limit, CancellationToken cancellationToken)
    {
        var chunks = await database.ReadAsync(
            (context, token) => context.LogChunks.Where(chunk => chunk.ReleaseId == releaseId && chunk.Sequence > after)
                .OrderBy(chunk => chunk.Sequence).Take(limit).ToListAsync(token),
            cancellationToken);
        return chunks.ConvertAll(chunk => new LogPiece(chunk.Sequence, Compression.Decompress(chunk.Data)));
    }

    /// <summary>
    /// Whether the release has run and its log was removed, its time being over. A release that never ran has no log to lose.
    /// </summary>
    public Task<bool> IsSweptAsync(Guid releaseId, CancellationToken cancellationToken)
    {
        var before = database.Now() - retention.Logs;
        return database.ReadAsync(
            (context, token) => context.Releases.AnyAsync(
                release => release.Id == releaseId && release.StartedAt != null && release.FinishedAt < before
                    && !context.LogChunks.Any(chunk => chunk.ReleaseId == releaseId),
                token),
            cancellationToken);
    }

    /// <summary>
    /// Whoever followed an earlier attempt goes on behind the number that he saw last, so none is given twice; not even where what bore it was removed
    /// meanwhile. That is done between attempts only (<see cref="Housekeeping"/>).
    /// </summary>
    private static async Task<long> NextAsync(HistoryContext context, Release release, CancellationToken cancellationToken) =>
        await LastAsync(context, release.Id, cancellationToken) is > 0 and var last ? last + 1 : ((release.Attempt - 1) * PiecesOfAttempt) + 1;

    private static async Task<long> LastAsync(HistoryContext context, Guid releaseId, CancellationToken cancellationToken) =>
        await context.LogChunks.Where(chunk => chunk.ReleaseId == releaseId).MaxAsync(chunk => (long?)chunk.Sequence, cancellationToken) ?? 0;
}
