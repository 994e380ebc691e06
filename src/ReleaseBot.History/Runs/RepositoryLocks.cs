using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// Releases that share a repository run one after another. A lock is a row whose primary key is the repository, so that two claimers can't
/// both hold it, whatever they saw before.
/// </summary>
internal static class RepositoryLocks
{
    /// <summary>Takes the locks of all repositories of a release, in sorted order, or none. A release that pushes nothing more takes none.</summary>
    public static async Task<bool> TakeAsync(
        HistoryContext context, Release release, IReadOnlyList<ReleaseImage> images, DateTimeOffset until, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var resources = images.Select(image => Resource(image.Image.Repository)).Distinct().Order(StringComparer.Ordinal).ToList();
        var isHeld = await context.ResourceLocks.AnyAsync(
            held => resources.Contains(held.Resource) && held.Until >= now && held.ReleaseId != release.Id, cancellationToken);
        if (isHeld)
        {
            return false;
        }

        await context.ResourceLocks.Where(held => resources.Contains(held.Resource)).ExecuteDeleteAsync(cancellationToken);
        context.ResourceLocks.AddRange(resources.Select(resource => new ResourceLock { Resource = resource, ReleaseId = release.Id, Until = until }));
        return true;
    }

    private static string Resource(ImageRepository repository) => $"repository:{repository}";
}
