using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.History;

/// <summary>One filter of the list of releases.</summary>
/// <param name="Key">The parameter; two of the same do not stand together.</param>
/// <param name="Query">As in the address.</param>
/// <param name="Narrow">The same in LINQ, to find the key of a deep page; plainly, without the service's ways.</param>
internal sealed record ReleaseCondition(string Key, string Name, string Query, Func<HistoryContext, IQueryable<Release>, IQueryable<Release>> Narrow);

internal static class ReleaseConditions
{
    /// <summary>With the values that match most, beside rare ones: what costs is to leave out much, and to find little.</summary>
    public static async Task<IReadOnlyList<ReleaseCondition>> AllAsync(HistoryContext context, SeededHistory history, CancellationToken cancellationToken)
    {
        var path = SeededHistory.PathOf(0);
        var middle = history.IdOf(history.Releases / 2);
        var sample = await context.Releases.Where(row => row.Id > middle && row.Digest != null).OrderBy(row => row.Id).FirstAsync(cancellationToken);
        var (commit, digest) = (sample.Commit![..10], sample.Digest!);
        var (repository, latest) = ($"{SeededHistory.Registry}/{path}", $"{SeededHistory.Registry}/{path}:latest");
        var time = history.TimeOf(history.Releases / 5 * 3);
        var (since, until) = (Rfc3339(time.AddDays(-300)), Rfc3339(time));
        var (from, to) = (history.IdOf(NumberAt(history, time.AddDays(-300))), history.IdOf(NumberAt(history, time)));
        return
        [
            new("project", "project", $"project={Uri.EscapeDataString(path)}", (_, rows) => rows.Where(row => row.ProjectPath == path)),
            new("project", "project id", "project=0", (_, rows) => rows.Where(row => row.ProjectId == 0)),
            new("ref", "ref", "ref=main", (_, rows) => rows.Where(row => row.RefName == "main")),
            new("ref", "full ref", "ref=refs%2Ftags%2Fv1.0.1", (_, rows) => rows.Where(row => row.RefName == "v1.0.1" && row.RefKind == RefKind.Tag)),
            new("version", "version", "version=1.0.1", (_, rows) => rows.Where(row => row.Version == "1.0.1")),
            new("commit", "commit", $"commit={commit}", (_, rows) => rows.Where(row => row.Commit!.StartsWith(commit))),
            new("status", "status", "status=published", (_, rows) => rows.Where(row => row.Status == ReleaseStatus.Published)),
            new("status", "rare status", "status=canceled", (_, rows) => rows.Where(row => row.Status == ReleaseStatus.Canceled)),
            new("status", "statuses", "status=failed&status=rejected", (_, rows) => rows.Where(row => row.Status == ReleaseStatus.Failed || row.Status == ReleaseStatus.Rejected)),
            new("digest", "digest", $"digest={Uri.EscapeDataString(digest)}", (_, rows) => rows.Where(row => row.Digest == digest)),
            new("image", "image", $"image={Uri.EscapeDataString(latest)}", (context, rows) => rows.Where(row =>
                context.ReleaseImages.Where(image => image.Reference == latest).Select(image => image.ReleaseId).Contains(row.Id))),
            new("image", "repository", $"image={Uri.EscapeDataString(repository)}", (context, rows) => rows.Where(row =>
                context.ReleaseImages.Where(image => image.Host == SeededHistory.Registry && image.Repository == path).Select(image => image.ReleaseId).Contains(row.Id))),
            new("since", "since", $"since={since}", (_, rows) => rows.Where(row => row.Id >= from)),
            new("until", "until", $"until={until}", (_, rows) => rows.Where(row => row.Id <= to)),
        ];
    }

    private static int NumberAt(SeededHistory history, DateTimeOffset time)
    {
        var (low, high) = (0, history.Releases);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = history.TimeOf(middle) < time ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private static string Rfc3339(DateTimeOffset time) => Uri.EscapeDataString(time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", null));
}
