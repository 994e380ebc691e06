using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>
/// Releases that share a repository run in the order in which they came. A held lock keeps others out while it is held; who may take it next is decided
/// here, since an older release may wait for another of its repositories, or be in the hands of somebody who claims it at this moment.
/// </summary>
internal static class ArrivalOrder
{
    // Of what waits behind somebody; who is the first of a line stays, so that it is found whoever else stands there.
    private static readonly string NotBehind =
        $"""

           AND NOT EXISTS (SELECT 1 FROM release_images j WHERE j.release_id = r.id AND j.host || '/' || j.repository IN (<behind>)
             AND EXISTS (SELECT 1 {Older("j.host", "j.repository", "j.release_id")}))
        """;

    /// <summary>A repository of the release that an older one waits for too; null where it is the first of all its lines. What was put off is in no line until its time.</summary>
    public static async Task<string?> FindOlderAsync(
        HistoryDatabase database, HistoryContext context, Guid releaseId, IEnumerable<ReleaseImage> images, DateTimeOffset now, CancellationToken cancellationToken)
    {
        List<object> values = [now.ForSql(database), releaseId];
        List<string> sql = [];
        foreach (var repository in images.Select(image => image.Image.Repository).Distinct())
        {
            sql.Add($"SELECT k.host || '/' || k.repository AS \"Value\" {Older($"{{{values.Count}}}", $"{{{values.Count + 1}}}", "{1}")}");
            values.AddRange([repository.Host, repository.Name]);
        }

        var query = string.Join(" UNION ALL ", sql) + " LIMIT 1";
        var found = await context.Database.SqlQueryRaw<string>(query, [.. values]).ToListAsync(cancellationToken);
        return found.FirstOrDefault();
    }

    /// <summary>
    /// What is ready, came before that release and publishes there too. The history of a repository may be long: nothing before the oldest release that is
    /// not over can be ready. <c>{0}</c> is the time.
    /// </summary>
    private static string Older(string host, string repository, string releaseId) =>
        $$"""
        FROM release_images k JOIN releases r ON r.id = k.release_id
         WHERE k.host = {{host}} AND k.repository = {{repository}} AND k.release_id < {{releaseId}}
           AND k.release_id >= (SELECT r.id FROM releases r WHERE r.{{HistoryContext.IsActive}} ORDER BY r.id LIMIT 1)
           AND {{RunQueue.IsReady}}
        """;

    /// <summary>The condition that leaves out what is in one of these lines; nothing where there is none.</summary>
    public static string LeavingOut(IReadOnlyCollection<string> lines, int firstHole) =>
        lines.Count == 0 ? "" : NotBehind.Replace("<behind>", SqlValues.Holes(firstHole, lines), StringComparison.Ordinal);
}
