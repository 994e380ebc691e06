namespace ReleaseBot.History;

/// <summary>The projects that have a release in some state, in SQL: from project to project by an index, since a few of them may have a hundred thousand.</summary>
internal static class WaitingProjects
{
    /// <summary>The recursive table <c>waiting (project_id)</c>, whose last row is null.</summary>
    /// <param name="condition">Of the release <c>r</c>, as the filter or the first column of an index that goes on with the project's id.</param>
    /// <param name="by">See <see cref="HistoryDatabase.By"/>; empty where the database finds that index by itself.</param>
    public static string Sql(string condition, string by = "") =>
        $"""
        waiting (project_id) AS (
          SELECT min(r.project_id) FROM releases r {by} WHERE {condition}
           UNION ALL
          SELECT (SELECT min(r.project_id) FROM releases r {by} WHERE {condition} AND r.project_id > waiting.project_id)
            FROM waiting WHERE waiting.project_id IS NOT NULL)
        """;
}
