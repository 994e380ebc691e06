using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>The latest rounds of reconciling, and who goes through one now: one process at a time, however many web processes there are.</summary>
public sealed class ReconcileRounds(HistoryDatabase database)
{
    private const int Kept = 100;

    /// <summary>A process shows itself more often than this.</summary>
    public static TimeSpan Lease { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Begins a round. Null where another process is at one, or has ended one within <paramref name="pause"/>; one that was stopped is gone on with at once.</summary>
    /// <param name="owner">Unlike any other process's.</param>
    public Task<ReconcileRound?> BeginAsync(string owner, TimeSpan pause, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var latest = await context.ReconcileRounds.OrderByDescending(round => round.Number).FirstOrDefaultAsync(token);
                // A SQLite file has but one process: what another began has died with it.
                if (latest is not null && latest.Owner != owner && !database.IsSqlite
                    && (latest.FinishedAt is { } end ? now - end < pause && latest.LeaseUntil > end : latest.LeaseUntil > now))
                {
                    return null;
                }

                var begun = new ReconcileRound { Number = (latest?.Number ?? 0) + 1, Owner = owner, StartedAt = now, LeaseUntil = now + Lease, Report = "{}" };
                context.ReconcileRounds.Add(begun);
                await context.SaveChangesAsync(token);
                await context.ReconcileRounds.Where(round => round.Number <= begun.Number - Kept).ExecuteDeleteAsync(token);
                return begun;
            },
            cancellationToken);

    /// <summary>Writes down how far a round is. False where another process has begun the next, as this one seemed dead.</summary>
    public Task<bool> ShowAsync(long number, string report, CancellationToken cancellationToken) => WriteAsync(number, report, Lease, isEnd: false, cancellationToken);

    /// <param name="isStopped">The process ends before the round does: another goes on with it.</param>
    public Task EndAsync(long number, string report, bool isStopped, CancellationToken cancellationToken) =>
        WriteAsync(number, report, isStopped ? TimeSpan.Zero : Lease, isEnd: true, cancellationToken);

    /// <summary>The round that some process is at now, and the latest that ended.</summary>
    public Task<(ReconcileRound? Running, ReconcileRound? Last)> LatestAsync(CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var latest = await context.ReconcileRounds.OrderByDescending(round => round.Number).FirstOrDefaultAsync(token);
                var last = await context.ReconcileRounds.Where(round => round.FinishedAt != null).OrderByDescending(round => round.Number).FirstOrDefaultAsync(token);
                return (latest is { FinishedAt: null } && latest.LeaseUntil > now ? latest : null, last);
            },
            cancellationToken);

    private Task<bool> WriteAsync(long number, string report, TimeSpan lease, bool isEnd, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                DateTimeOffset? end = isEnd ? now : null;
                await context.ReconcileRounds.Where(round => round.Number == number && round.FinishedAt == null)
                    .ExecuteUpdateAsync(
                        round => round.SetProperty(row => row.Report, report)
                            .SetProperty(row => row.LeaseUntil, now + lease)
                            .SetProperty(row => row.FinishedAt, end),
                        token);
                return !await context.ReconcileRounds.AnyAsync(round => round.Number > number, token);
            },
            cancellationToken);
}
