using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>
/// Releases that share a repository run in the order in which they came. A held lock keeps others out while it is held; who may take it next is decided
/// here, since an older release may wait for another of its repositories, or be in the hands of somebody who claims it at this moment.
/// </summary>
internal static class ArrivalOrder
{
    // From what is ready to its images, and not from the repositories, whose history may be long.
    private const string OlderSql =
        $$"""
        SELECT j.host || '/' || j.repository AS "Value" FROM releases r JOIN release_images j ON j.release_id = r.id
         WHERE {{RunQueue.IsReady}} AND r.id < {1} AND j.host || '/' || j.repository IN (<repositories>)
         LIMIT 1
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
        var repositories = images.Select(image => image.Image.Repository.ToString()).Distinct().ToList();
        var sql = OlderSql.Replace("<repositories>", SqlValues.Holes(2, repositories), StringComparison.Ordinal);
        var found = await context.Database.SqlQueryRaw<string>(sql, [now.ForSql(database), releaseId, .. repositories]).ToListAsync(cancellationToken);
        return found.FirstOrDefault();
    }

    /// <summary>The condition that leaves out what is in one of these lines; nothing where there is none.</summary>
    public static string LeavingOut(IReadOnlyCollection<string> lines, int firstHole) =>
        lines.Count == 0 ? "" : NotBehind.Replace("<behind>", SqlValues.Holes(firstHole, lines), StringComparison.Ordinal);
}
