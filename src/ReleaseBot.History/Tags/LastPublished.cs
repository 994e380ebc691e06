using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// What was published last under a version tag. A release that replaces it (<c>Overwrite: Allow</c>) and fails half-way leaves its own image under the name, and this
/// is what floating tags go by.
/// </summary>
internal sealed record LastPublished(string Tag, Guid ReleaseId, string? Version, Digest Digest)
{
    public static async Task<LastPublished?> OfAsync(HistoryContext context, ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        (await OfAsync(context, repository, [tag], cancellationToken)).SingleOrDefault();

    /// <returns>Of those of the tags that are version tags and were ever published, in the order of their names.</returns>
    public static async Task<IReadOnlyList<LastPublished>> OfAsync(
        HistoryContext context, ImageRepository repository, IReadOnlyCollection<string> tags, CancellationToken cancellationToken)
    {
        if (tags.Count == 0)
        {
            return [];
        }

        var references = tags.Select(tag => $"{repository}:{tag}").ToList();
        var images =
            from image in context.ReleaseImages
            join release in context.Releases on image.ReleaseId equals release.Id
            where references.Contains(image.Reference) && image.Kind == ImageTagKind.Version && image.Status == ImageStatus.Pushed && image.Digest != null
                && release.Status == ReleaseStatus.Published
                && context.TagOwners.Any(owner =>
                    owner.Host == image.Host && owner.Repository == image.Repository && owner.Tag == image.Tag && owner.Kind == ImageTagKind.Version)
            select new { image.Tag, ReleaseId = release.Id, release.Version, image.Digest, image.FinishedAt };
        return [.. (await images.ToListAsync(cancellationToken)).GroupBy(image => image.Tag, StringComparer.Ordinal).OrderBy(tag => tag.Key, StringComparer.Ordinal)
            .Select(tag => tag.MaxBy(image => (image.FinishedAt, image.ReleaseId))!).Select(image => new LastPublished(image.Tag, image.ReleaseId, image.Version, Digest.Parse(image.Digest!)))];
    }
}
