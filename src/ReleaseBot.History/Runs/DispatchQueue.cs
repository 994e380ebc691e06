using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>
/// Queued releases of which no worker has been told yet. They are held under a short lease while the message is sent and never by a row lock,
/// which would hide them from the workers that claim.
/// </summary>
public sealed class DispatchQueue(HistoryDatabase database)
{
    private const string DueSql =
        """
        SELECT * FROM releases
         WHERE status = 'queued' AND dispatched_at IS NULL AND (dispatch_lease_until IS NULL OR dispatch_lease_until < {0})
         ORDER BY id LIMIT {1}
        """;

    public Task<IReadOnlyList<Guid>> ClaimAsync(int limit, TimeSpan lease, CancellationToken cancellationToken) =>
        database.WriteAsync<IReadOnlyList<Guid>>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var claim = database.Claiming(DueSql, "releases");
                var rows = await context.Releases.FromSqlRaw(claim, now.ForSql(database), limit).AsTracking().ToListAsync(token);
                rows.ForEach(row => row.DispatchLeaseUntil = now + lease);
                await context.SaveChangesAsync(token);
                return rows.ConvertAll(row => row.Id);
            },
            cancellationToken);

    public Task MarkAsync(IReadOnlyCollection<Guid> releaseIds, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                return await context.Releases.Where(row => releaseIds.Contains(row.Id))
                    .ExecuteUpdateAsync(row => row.SetProperty(r => r.DispatchedAt, now), token);
            },
            cancellationToken);
}
