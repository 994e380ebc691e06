using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A message that is due, and the release that it is about.</summary>
public sealed record DueMessage(Guid Id, string Channel, Outcome Outcome, int Tries, Release Release)
{
    /// <summary>See <see cref="OutboxMessage.Drift"/>.</summary>
    public string? Drift { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Messages written with the history and told afterwards, each with its own retries.</summary>
public sealed class OutboxStore(HistoryDatabase database)
{
    private const string DueSql =
        """
        SELECT * FROM outbox_messages
         WHERE delivered_at IS NULL AND dead_at IS NULL AND next_at <= {0} AND (lease_until IS NULL OR lease_until < {0})
         ORDER BY next_at LIMIT {1}
        """;

    /// <summary>Takes messages that are due for as long as <paramref name="lease"/>, within which they must be told or put off.</summary>
    public async Task<IReadOnlyList<DueMessage>> ClaimAsync(int limit, TimeSpan lease, CancellationToken cancellationToken)
    {
        var due = await database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var claim = database.Claiming(DueSql, "outbox_messages");
                var rows = await context.OutboxMessages.FromSqlRaw(claim, now.ForSql(database), limit).AsTracking().ToListAsync(token);
                rows.ForEach(row => row.LeaseUntil = now + lease);
                await context.SaveChangesAsync(token);
                return rows;
            },
            cancellationToken);
        if (due.Count == 0)
        {
            return [];
        }

        var ids = due.Select(row => row.ReleaseId).Distinct().ToList();
        var releases = await database.ReadAsync(
            (context, token) => context.Releases.Include(release => release.Images).Where(release => ids.Contains(release.Id)).ToDictionaryAsync(release => release.Id, token),
            cancellationToken);
        return due.ConvertAll(row => new DueMessage(row.Id, row.Channel, row.Outcome, row.Tries, releases[row.ReleaseId]) { Drift = row.Drift, CreatedAt = row.CreatedAt });
    }

    public Task DeliveredAsync(Guid id, CancellationToken cancellationToken) =>
        ChangeAsync(id, (row, now) => row.DeliveredAt = now, cancellationToken);

    public Task PutOffAsync(Guid id, TimeSpan wait, string error, CancellationToken cancellationToken) =>
        ChangeAsync(
            id,
            (row, now) =>
            {
                row.NextAt = now + wait;
                row.Tries++;
                row.LastError = error;
            },
            cancellationToken);

    public Task GiveUpAsync(Guid id, string error, CancellationToken cancellationToken) =>
        ChangeAsync(
            id,
            (row, now) =>
            {
                row.DeadAt = now;
                row.LastError = error;
            },
            cancellationToken);

    private Task ChangeAsync(Guid id, Action<OutboxMessage, DateTimeOffset> change, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var row = await context.OutboxMessages.AsTracking().SingleAsync(message => message.Id == id, token);
                change(row, await database.NowAsync(context, token));
                row.LeaseUntil = null;
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);
}
