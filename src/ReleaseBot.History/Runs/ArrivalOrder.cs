using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>
/// Releases that share a repository run in the order in which they came. A held lock keeps others out while it is held; who may take it next is decided
/// here, since an older release may wait for another of its repositories, or be in the hands of somebody who claims it at this moment.
/// </summary>
internal static class ArrivalOrder
{
    // The history of a repository may be long: nothing before the oldest release that is not over can be ready. {0} is the time, {1} the release.
    private const string OlderSql =
        $$"""
        SELECT j.host || '/' || j.repository AS "Value" FROM release_images j JOIN releases r ON r.id = j.release_id
         WHERE j.host = <host> AND j.repository = <repository> AND j.release_id < {1}
           AND j.release_id >= (SELECT r.id FROM releases r WHERE r.{{HistoryContext.IsActive}} ORDER BY r.id LIMIT 1)
           AND {{RunQueue.IsReady}}
        """;

    // Of what waits behind somebody.
    private const string NotBehind =
        """

           AND NOT EXISTS (SELECT 1 FROM release_images j WHERE j.release_id = r.id AND j.host || '/' || j.repository IN (<behind>))
        """;

    /// <summary>A repository of the release that an older one waits for too; null where it is the first of all its lines. What was put off is in no line until its time.</summary>
    public static async Task<string?> FindOlderAsync(
        HistoryDatabase database, HistoryContext context, Guid releaseId, IEnumerable<ReleaseImage> images, DateTimeOffset now, CancellationToken cancellationToken)
    {
        List<object> values = [now.ForSql(database), releaseId];
        List<string> sql = [];
        foreach (var repository in images.Select(image => image.Image.Repository).Distinct())
        {
            sql.Add(OlderSql.Replace("<host>", $"{{{values.Count}}}", StringComparison.Ordinal).Replace("<repository>", $"{{{values.Count + 1}}}", StringComparison.Ordinal));
            values.AddRange([repository.Host, repository.Name]);
        }

        var query = string.Join(" UNION ALL ", sql) + " LIMIT 1";
        var found = await context.Database.SqlQueryRaw<string>(query, [.. values]).ToListAsync(cancellationToken);
        return found.FirstOrDefault();
    }

    /// <summary>The condition that leaves out what is in one of these lines; nothing where there is none.</summary>
    public static string LeavingOut(IReadOnlyCollection<string> lines, int firstHole) =>
        lines.Count == 0 ? "" : NotBehind.Replace("<behind>", SqlValues.Holes(firstHole, lines), StringComparison.Ordinal);
}
