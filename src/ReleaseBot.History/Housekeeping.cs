using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Keeps the history from growing without end: logs, bodies of deliveries and evidence of late puts go after their time, releases and moves of tags stay for ever.</summary>
public sealed class Housekeeping(HistoryDatabase database, RetentionSettings retention)
{
    /// <summary>Rows in one transaction, so that no write of a release waits long behind a clean-up.</summary>
    private const int Batch = 500;

    /// <summary>Removes what is past its time. Returns how many rows went.</summary>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var now = database.Now();
        var (logsBefore, deliveriesBefore) = (now - retention.Logs, now - retention.Deliveries);
        var logs = await InBatchesAsync(
            // The log of a release that has not ended stays whole, however short the time is.
            (context, token) => context.LogChunks
                .Where(chunk => chunk.WrittenAt < logsBefore && !context.Releases.Any(release => release.Id == chunk.ReleaseId && release.FinishedAt == null))
                .OrderBy(chunk => chunk.WrittenAt).Take(Batch).ExecuteDeleteAsync(token),
            cancellationToken);
        var deliveries = await InBatchesAsync(
            (context, token) => context.Deliveries.Where(delivery => delivery.ReceivedAt < deliveriesBefore).OrderBy(delivery => delivery.ReceivedAt).Take(Batch)
                .ExecuteDeleteAsync(token),
            cancellationToken);
        var putsBefore = now - OpenPuts.Kept;
        var puts = await InBatchesAsync(
            (context, token) => context.OpenPuts.Where(put => put.OpenedAt < putsBefore).OrderBy(put => put.OpenedAt).Take(Batch).ExecuteDeleteAsync(token),
            cancellationToken);
        return logs + deliveries + puts;
    }

    private async Task<int> InBatchesAsync(Func<HistoryContext, CancellationToken, Task<int>> remove, CancellationToken cancellationToken)
    {
        var total = 0;
        int removed;
        do
        {
            removed = await database.WriteAsync(remove, cancellationToken);
            total += removed;
        }
        while (removed == Batch);
        return total;
    }
}
