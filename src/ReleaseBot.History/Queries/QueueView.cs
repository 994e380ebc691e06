using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What is not final, in the order in which it will be taken up, and who is there to do it.</summary>
/// <param name="Releases">With their images; in the claim's order: project by project, the one that was served longest ago first, and so again; at the end what was put off.</param>
/// <param name="HeldRepositories">By <c>host/name</c>, the release that publishes there now.</param>
/// <param name="BuiltAt">By release, the engine that alone has its image: built, and in no registry yet.</param>
public sealed record QueueSnapshot(
    DateTimeOffset At, IReadOnlyList<Release> Releases, IReadOnlyDictionary<string, Guid> HeldRepositories, IReadOnlyDictionary<Guid, string> BuiltAt,
    IReadOnlyList<WorkerHeartbeat> Workers)
{
    private IReadOnlyDictionary<string, Guid>? _firsts;

    /// <summary>By <c>host/name</c>, the release that is next to publish there: the oldest of those that wait and were not put off.</summary>
    public IReadOnlyDictionary<string, Guid> FirstsInLine => _firsts ??= Releases
        .Where(release => release.Status != ReleaseStatus.Verifying && release.NotBefore <= At && (release.LeaseUntil is null || release.LeaseUntil < At))
        .SelectMany(release => release.Images.Select(image => (Repository: image.Image.Repository.ToString(), release.Id)))
        .GroupBy(place => place.Repository, place => place.Id, StringComparer.Ordinal)
        .ToDictionary(line => line.Key, line => line.Min(), StringComparer.Ordinal);
}

/// <summary>Reads the queue for people. Nothing is decided by it.</summary>
public sealed class QueueView(HistoryDatabase database)
{
    private const string RepositoryPrefix = "repository:";
    private const int MaxWorkers = 1000;

    // A project has its turn once in each round, whatever waits for it besides. What was put off is passed by others until its time has come.
    private const string InOrder =
        $$"""
        SELECT t.id AS "Value" FROM (
          SELECT r.id, p.last_started_at, CASE WHEN r.not_before > {0} THEN r.not_before END AS put_off_until, ROW_NUMBER() OVER (
                   PARTITION BY r.project_id, r.lease_until IS NOT NULL AND r.lease_until >= {0}, r.not_before > {0} ORDER BY r.id) AS turn
            FROM releases r LEFT JOIN projects p ON p.id = r.project_id
           WHERE r.{{HistoryContext.IsActive}}) t
         ORDER BY t.put_off_until IS NOT NULL, t.put_off_until, t.turn, t.last_started_at IS NOT NULL, t.last_started_at, t.id
         LIMIT {1}
        """;

    public Task<QueueSnapshot> ReadAsync(int limit, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var ids = await context.Database.SqlQueryRaw<Guid>(InOrder, now.ForSql(database), limit).ToListAsync(token);
                var byId = await context.Releases.Where(release => ids.Contains(release.Id)).Include(release => release.Images).AsSplitQuery()
                    .ToDictionaryAsync(release => release.Id, token);
                var held = await context.ResourceLocks.Where(row => row.Until >= now && row.Resource.StartsWith(RepositoryPrefix)).ToListAsync(token);
                var workers = await context.WorkerHeartbeats.OrderByDescending(worker => worker.SeenAt).Take(MaxWorkers).ToListAsync(token);
                var built = await context.ReleaseBuilds.Where(build => build.Engine != null && ids.Contains(build.ReleaseId)).ToListAsync(token);
                return new QueueSnapshot(
                    now, [.. ids.Where(byId.ContainsKey).Select(id => byId[id])],
                    held.ToDictionary(row => row.Resource[RepositoryPrefix.Length..], row => row.ReleaseId, StringComparer.Ordinal),
                    built.Where(build => byId.TryGetValue(build.ReleaseId, out var release) && release.ImageId == build.ImageId && release.Digest is null)
                        .ToDictionary(build => build.ReleaseId, build => build.Engine!),
                    workers);
            },
            cancellationToken);
}
