using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>What is not final, in the order in which it will be taken up, and who is there to do it.</summary>
/// <param name="Releases">
/// With their images. What runs comes first; then what waits, in the claim's order: project by project, the one that was served longest ago first, and so
/// again; at the end what was put off.
/// </param>
/// <param name="FirstsInLine">By <c>host/name</c>, the release that is next to publish there: the oldest of those that wait and were not put off, shown or not.</param>
/// <param name="HeldRepositories">By <c>host/name</c>, the release that publishes there now.</param>
/// <param name="BuiltAt">By release, the engine that alone has its image: built, and in no registry yet.</param>
public sealed record QueueSnapshot(
    DateTimeOffset At, IReadOnlyList<Release> Releases, IReadOnlyDictionary<string, Guid> FirstsInLine, IReadOnlyDictionary<string, Guid> HeldRepositories,
    IReadOnlyDictionary<Guid, string> BuiltAt, IReadOnlyList<WorkerHeartbeat> Workers);

/// <summary>Reads the queue for people. Nothing is decided by it.</summary>
public sealed class QueueView(HistoryDatabase database)
{
    private const string RepositoryPrefix = "repository:";
    private const int MaxWorkers = 1000;

    /// <summary>More than a fleet has slots. Of its own, since whoever drains a worker must see what runs there however many wait.</summary>
    private const int MaxRunning = 1000;

    // A project has its turn once in each round, whatever waits for it besides. What was put off is passed by others until its time has come.
    // One statement, so that what is claimed at this moment is found once.
    private const string InOrder =
        $$"""
        SELECT o.id AS "Value" FROM (
          SELECT t.id, t.is_running, ROW_NUMBER() OVER (
                   PARTITION BY t.is_running
                   ORDER BY t.put_off_until IS NOT NULL, t.put_off_until, t.turn, t.last_started_at IS NOT NULL, t.last_started_at, t.id) AS place
            FROM (
              SELECT r.id, p.last_started_at, CASE WHEN r.not_before > {0} THEN r.not_before END AS put_off_until,
                     r.status IN ('building', 'pushing') AND r.lease_until IS NOT NULL AND r.lease_until >= {0} AS is_running, ROW_NUMBER() OVER (
                       PARTITION BY r.project_id, r.lease_until IS NOT NULL AND r.lease_until >= {0}, r.not_before > {0} ORDER BY r.id) AS turn
                FROM releases r LEFT JOIN projects p ON p.id = r.project_id
               WHERE r.{{HistoryContext.IsActive}}) t) o
         WHERE o.place <= CASE WHEN o.is_running THEN {2} ELSE {1} END
         ORDER BY o.is_running DESC, o.place
        """;

    // The first of a line may be far behind in the order in which projects have their turns, and is not shown then.
    private const string FirstsOfLines =
        $$"""
        SELECT DISTINCT t.release_id AS "Value" FROM (
          SELECT k.host, k.repository, k.release_id, ROW_NUMBER() OVER (PARTITION BY k.host, k.repository ORDER BY k.release_id) AS place
            FROM releases r JOIN release_images k ON k.release_id = r.id
           WHERE {{RunQueue.IsReady}}) t
         WHERE t.place = 1
           AND EXISTS (SELECT 1 FROM release_images s WHERE s.host = t.host AND s.repository = t.repository AND s.release_id IN (<shown>))
        """;

    /// <param name="limit">Of what waits.</param>
    public Task<QueueSnapshot> ReadAsync(int limit, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var ids = await context.Database.SqlQueryRaw<Guid>(InOrder, now.ForSql(database), limit, MaxRunning).ToListAsync(token);
                var byId = await context.Releases.Where(release => ids.Contains(release.Id)).Include(release => release.Images).AsSplitQuery()
                    .ToDictionaryAsync(release => release.Id, token);
                var held = await context.ResourceLocks.Where(row => row.Until >= now && row.Resource.StartsWith(RepositoryPrefix)).ToListAsync(token);
                var workers = await context.WorkerHeartbeats.OrderByDescending(worker => worker.SeenAt).Take(MaxWorkers).ToListAsync(token);
                var built = await context.ReleaseBuilds.Where(build => build.Engine != null && ids.Contains(build.ReleaseId)).ToListAsync(token);
                return new QueueSnapshot(
                    now, [.. ids.Where(byId.ContainsKey).Select(id => byId[id])], await FirstsInLineAsync(context, ids, now, token),
                    held.ToDictionary(row => row.Resource[RepositoryPrefix.Length..], row => row.ReleaseId, StringComparer.Ordinal),
                    built.Where(build => byId.TryGetValue(build.ReleaseId, out var release) && release.ImageId == build.ImageId && release.Digest is null)
                        .ToDictionary(build => build.ReleaseId, build => build.Engine!),
                    workers);
            },
            cancellationToken);

    private async Task<IReadOnlyDictionary<string, Guid>> FirstsInLineAsync(
        HistoryContext context, List<Guid> shown, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (shown.Count == 0)
        {
            return new Dictionary<string, Guid>();
        }

        var sql = FirstsOfLines.Replace("<shown>", SqlValues.Holes(1, shown), StringComparison.Ordinal);
        var firsts = await context.Database.SqlQueryRaw<Guid>(sql, [now.ForSql(database), .. shown]).ToListAsync(cancellationToken);
        var images = await context.ReleaseImages.Where(image => firsts.Contains(image.ReleaseId)).ToListAsync(cancellationToken);
        // Who is the first of one line may stand further behind in another, whose first is among these too.
        return images.GroupBy(image => image.Image.Repository.ToString(), image => image.ReleaseId, StringComparer.Ordinal)
            .ToDictionary(line => line.Key, line => line.Min(), StringComparer.Ordinal);
    }
}
