using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>What a worker shows of itself.</summary>
/// <param name="Name">E.g. <c>build-3/4711</c>.</param>
/// <param name="Engine">The id that its engine gives itself; null where it is not known.</param>
/// <param name="IsFull">The engine's disk has no room for a build, though its cache was emptied.</param>
public sealed record WorkerState(string Name, string? Engine, DateTimeOffset StartedAt, int Slots, int Running, bool IsFull = false);

/// <summary>The workers there are, by what they say themselves every few seconds. Nothing that has to be right is decided by it: leases are.</summary>
public sealed class WorkerRegister(HistoryDatabase database)
{
    /// <summary>After which a worker that ended without a word counts as never seen, also if its name comes back.</summary>
    private static readonly TimeSpan Forgotten = TimeSpan.FromDays(1);

    internal const string RowSql = "SELECT * FROM worker_heartbeats WHERE name = {0}";

    /// <summary>Writes down that the worker lives. Returns whether an operator has paused it.</summary>
    public Task<bool> ShowAsync(WorkerState state, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                // Locked before the projects, as in a claim, or the two could wait for each other.
                var row = await context.WorkerHeartbeats.FromSqlRaw(database.Locking(RowSql), state.Name).AsTracking().SingleOrDefaultAsync(token);
                var forgotten = now - Forgotten;
                if (row is null)
                {
                    row = new WorkerHeartbeat { Name = state.Name };
                    context.WorkerHeartbeats.Add(row);
                    await context.WorkerHeartbeats.Where(worker => worker.SeenAt < forgotten).ExecuteDeleteAsync(token);
                }
                else if (row.SeenAt < forgotten)
                {
                    (row.PausedAt, row.FullSince) = (null, null);
                }

                (row.Engine, row.StartedAt, row.SeenAt, row.Slots, row.Running) = (state.Engine, state.StartedAt, now, state.Slots, state.Running);
                if (state.IsFull && row.FullSince is null && state.Engine is { } engine)
                {
                    // With its cache it lost the layers for which projects were sent there.
                    await context.Projects.Where(project => project.LastEngine == engine)
                        .ExecuteUpdateAsync(project => project.SetProperty(p => p.LastEngine, (string?)null), token);
                }

                row.FullSince = state.IsFull ? row.FullSince ?? now : null;
                await context.SaveChangesAsync(token);
                return row.PausedAt is not null;
            },
            cancellationToken);

    /// <summary>The worker ends in order.</summary>
    public Task LeaveAsync(string name, CancellationToken cancellationToken) =>
        database.WriteAsync((context, token) => context.WorkerHeartbeats.Where(worker => worker.Name == name).ExecuteDeleteAsync(token), cancellationToken);

    /// <summary>Has a worker take no more releases, or take them again. What it runs, or is taking at this moment, goes on to its end.</summary>
    /// <returns>False where there is no such worker, or none was seen for a day.</returns>
    public async Task<bool> PauseAsync(string name, bool isPaused, CancellationToken cancellationToken) =>
        await database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var forgotten = now - Forgotten;
                DateTimeOffset? since = isPaused ? now : null;
                return await context.WorkerHeartbeats.Where(worker => worker.Name == name && worker.SeenAt >= forgotten)
                    .ExecuteUpdateAsync(worker => worker.SetProperty(row => row.PausedAt, row => isPaused ? row.PausedAt ?? since : null), token);
            },
            cancellationToken) == 1;
}
