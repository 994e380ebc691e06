using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A message that is due, and the release that it is about.</summary>
public sealed record DueMessage(Guid Id, string Channel, Outcome Outcome, int Tries, Release Release)
{
    /// <summary>See <see cref="OutboxMessage.Drift"/>.</summary>
    public string? Drift { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The end of the lease, which also tells whose it is.</summary>
    public required DateTimeOffset HeldUntil { get; init; }
}

/// <summary>Messages written with the history and told afterwards, each with its own retries.</summary>
public sealed class OutboxStore(HistoryDatabase database)
{
    private const string DueSql =
        """
        SELECT * FROM outbox_messages
         WHERE delivered_at IS NULL AND dead_at IS NULL AND next_at <= {0} AND (lease_until IS NULL OR lease_until < {0})<besides>
         ORDER BY next_at LIMIT {1}
        """;

    private const string NotifyStageSql = "SELECT * FROM release_stages WHERE release_id = {0} AND attempt = {1} AND name = 'notify' AND status = 'running'";

    /// <summary>Takes messages that are due for as long as <paramref name="lease"/>, within which they must be told, put off or renewed.</summary>
    /// <param name="besides">Channels whose messages are left where they are.</param>
    public async Task<IReadOnlyList<DueMessage>> ClaimAsync(int limit, TimeSpan lease, IReadOnlyCollection<string> besides, CancellationToken cancellationToken)
    {
        var due = await database.TakeAsync<List<OutboxMessage>>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var dueSql = DueSql.Replace("<besides>", besides.Count == 0 ? "" : $" AND channel NOT IN ({SqlValues.Holes(2, besides)})", StringComparison.Ordinal);
                var rows = await context.OutboxMessages
                    .FromSqlRaw(database.Claiming(dueSql, "outbox_messages"), [now.ForSql(database), limit, .. besides]).AsTracking().ToListAsync(token);
                rows.ForEach(row => row.LeaseUntil = now + lease);
                await context.SaveChangesAsync(token);
                return rows.Count == 0 ? null : rows;
            },
            async (context, rows, token) =>
            {
                var (ids, until) = (rows.ConvertAll(row => row.Id), rows[0].LeaseUntil);
                return await context.OutboxMessages.CountAsync(row => ids.Contains(row.Id) && row.LeaseUntil == until, token) == rows.Count;
            },
            cancellationToken);
        if (due is null)
        {
            return [];
        }

        var ids = due.Select(row => row.ReleaseId).Distinct().ToList();
        var releases = await database.ReadAsync(
            (context, token) => context.Releases.Include(release => release.Images).Where(release => ids.Contains(release.Id)).ToDictionaryAsync(release => release.Id, token),
            cancellationToken);
        return due.ConvertAll(row => new DueMessage(row.Id, row.Channel, row.Outcome, row.Tries, releases[row.ReleaseId]) { Drift = DriftOf(row), CreatedAt = row.CreatedAt, HeldUntil = row.LeaseUntil!.Value });
    }

    /// <summary>Keeps messages that are still held until <paramref name="held"/> for as long as <paramref name="lease"/> from now.</summary>
    /// <returns>Until when.</returns>
    public Task<DateTimeOffset> RenewAsync(IReadOnlyCollection<Guid> ids, DateTimeOffset held, TimeSpan lease, CancellationToken cancellationToken)
    {
        // As an earlier run of this may have left it, whose answer was lost.
        var written = held;
        return database.WriteAsync(
            async (context, token) =>
            {
                var (before, until) = (written, await database.NowAsync(context, token) + lease);
                written = until;
                await context.OutboxMessages.Where(row => ids.Contains(row.Id) && (row.LeaseUntil == held || row.LeaseUntil == before))
                    .ExecuteUpdateAsync(row => row.SetProperty(r => r.LeaseUntil, until), token);
                return until;
            },
            cancellationToken);
    }

    /// <summary>Gives messages that are still held until <paramref name="held"/> back untold, to be claimed at once by whoever is there: at a shutdown.</summary>
    public Task HandBackAsync(IReadOnlyCollection<Guid> ids, DateTimeOffset held, CancellationToken cancellationToken) =>
        database.WriteAsync(
            (context, token) => context.OutboxMessages.Where(row => ids.Contains(row.Id) && row.LeaseUntil == held)
                .ExecuteUpdateAsync(row => row.SetProperty(r => r.LeaseUntil, (DateTimeOffset?)null), token),
            cancellationToken);

    private static string? DriftOf(OutboxMessage row) => row.MoreDrift switch
    {
        0 => row.Drift,
        1 => $"{row.Drift}. One more tag of this release was found changed in the same round.",
        var more => $"{row.Drift}. {more} more tags of this release were found changed in the same round.",
    };

    public Task DeliveredAsync(Guid id, CancellationToken cancellationToken) =>
        SettleAsync(id, (row, now) => row.DeliveredAt = now, cancellationToken);

    /// <summary>Has a message tried again later, unless another has it by now: who holds it does so until another time than <paramref name="held"/>.</summary>
    public Task PutOffAsync(Guid id, DateTimeOffset held, TimeSpan wait, string error, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var row = await FindAsync(context, id, token);
                if (row.LeaseUntil != held)
                {
                    return 0;
                }

                row.NextAt = await database.NowAsync(context, token) + wait;
                row.Tries++;
                row.LastError = error;
                row.LeaseUntil = null;
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    public Task GiveUpAsync(Guid id, string error, CancellationToken cancellationToken) =>
        SettleAsync(
            id,
            (row, now) =>
            {
                row.DeadAt = now;
                row.LastError = error;
            },
            cancellationToken);

    /// <summary>Nothing more happens to the message; with the last of its attempt the stage <c>notify</c> is over too.</summary>
    private Task SettleAsync(Guid id, Action<OutboxMessage, DateTimeOffset> settle, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var row = await FindAsync(context, id, token);
                // Locked before the others are looked at: of two that are settled at the same moment, the second must see the first.
                var stage = row.Drift is null ? await NotifyStageAsync(context, row, token) : null;
                var now = await database.NowAsync(context, token);
                settle(row, now);
                row.LeaseUntil = null;
                await context.SaveChangesAsync(token);
                if (stage is not null)
                {
                    await EndWithLastAsync(context, row, stage, now, token);
                }

                return true;
            },
            cancellationToken);

    private static async Task EndWithLastAsync(
        HistoryContext context, OutboxMessage settled, ReleaseStage stage, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var attempt = context.OutboxMessages.Where(row => row.ReleaseId == settled.ReleaseId && row.Attempt == settled.Attempt && row.Drift == null);
        if (await attempt.AnyAsync(row => row.DeliveredAt == null && row.DeadAt == null, cancellationToken))
        {
            return;
        }

        stage.Status = await attempt.AnyAsync(row => row.DeadAt != null, cancellationToken) ? StageStatus.Failed : StageStatus.Done;
        stage.FinishedAt = now;
        await context.SaveChangesAsync(cancellationToken);
    }

    private static Task<OutboxMessage> FindAsync(HistoryContext context, Guid id, CancellationToken cancellationToken) =>
        context.OutboxMessages.AsTracking().SingleAsync(message => message.Id == id, cancellationToken);

    /// <summary>The attempt's stage <c>notify</c>, locked; null where it is over, or from a time when it was not recorded.</summary>
    private async Task<ReleaseStage?> NotifyStageAsync(HistoryContext context, OutboxMessage message, CancellationToken cancellationToken)
    {
        var running = database.Locking(NotifyStageSql);
        return (await context.ReleaseStages.FromSqlRaw(running, message.ReleaseId, message.Attempt).AsTracking().ToListAsync(cancellationToken)).SingleOrDefault();
    }
}
