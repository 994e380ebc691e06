using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What is not final, in the order in which it will be taken up, and who is there to do it.</summary>
/// <param name="Releases">With their images; the order is the claim's: the project that was served longest ago first.</param>
/// <param name="HeldRepositories">By <c>host/name</c>, the release that publishes there now.</param>
public sealed record QueueSnapshot(
    DateTimeOffset At, IReadOnlyList<Release> Releases, IReadOnlyDictionary<string, Guid> HeldRepositories, IReadOnlyList<WorkerHeartbeat> Workers);

/// <summary>Reads the queue for people. Nothing is decided by it.</summary>
public sealed class QueueView(HistoryDatabase database)
{
    private const string RepositoryPrefix = "repository:";
    private const int MaxWorkers = 1000;

    public Task<QueueSnapshot> ReadAsync(int limit, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var active = context.Releases.Where(release => release.Status == ReleaseStatus.Verifying || release.Status == ReleaseStatus.Queued
                    || release.Status == ReleaseStatus.Building || release.Status == ReleaseStatus.Pushing);
                var releases = await (
                    from release in active
                    join project in context.Projects on release.ProjectId equals project.Id into known
                    from project in known.DefaultIfEmpty()
                    orderby project.LastStartedAt != null, project.LastStartedAt, release.Id
                    select release).Take(limit).Include(release => release.Images).AsSplitQuery().ToListAsync(token);
                var held = await context.ResourceLocks.Where(row => row.Until >= now && row.Resource.StartsWith(RepositoryPrefix)).ToListAsync(token);
                var workers = await context.WorkerHeartbeats.OrderByDescending(worker => worker.SeenAt).Take(MaxWorkers).ToListAsync(token);
                return new QueueSnapshot(
                    now, releases, held.ToDictionary(row => row.Resource[RepositoryPrefix.Length..], row => row.ReleaseId, StringComparer.Ordinal), workers);
            },
            cancellationToken);
}
