using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// Queued releases of which no worker has been told yet. They are held under a short lease while the message is sent, from the transaction that queues
/// them on, and never by a row lock, which would hide them from the workers that claim.
/// </summary>
public sealed class DispatchQueue(HistoryDatabase database)
{
    /// <summary>How long whoever queued or claimed a release has to send its message.</summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private const string DueSql =
        """
        SELECT * FROM releases
         WHERE status = 'queued' AND dispatched_at IS NULL AND (dispatch_lease_until IS NULL OR dispatch_lease_until < {0})
         ORDER BY id LIMIT {1}
        """;

    /// <summary>Takes releases whose message nobody is sending. Where the answer to its commit was lost they are told of when the lease has ended.</summary>
    public Task<IReadOnlyList<Guid>> ClaimAsync(int limit, CancellationToken cancellationToken) =>
        database.WriteAsync<IReadOnlyList<Guid>>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var claim = database.Claiming(DueSql, "releases");
                var rows = await context.Releases.FromSqlRaw(claim, now.ForSql(database), limit).AsTracking().ToListAsync(token);
                rows.ForEach(row => row.DispatchLeaseUntil = now + Lease);
                await context.SaveChangesAsync(token);
                return rows.ConvertAll(row => row.Id);
            },
            cancellationToken);

    /// <summary>Writes down that these were told of. What a worker has claimed meanwhile needs no mark, and stays as it is.</summary>
    public Task MarkAsync(IReadOnlyCollection<Guid> releaseIds, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                return await context.Releases.Where(row => releaseIds.Contains(row.Id) && row.Status == ReleaseStatus.Queued)
                    .ExecuteUpdateAsync(row => row.SetProperty(r => r.DispatchedAt, now), token);
            },
            cancellationToken);
}
