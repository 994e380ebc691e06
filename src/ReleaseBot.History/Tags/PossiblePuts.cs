using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Which of a release's images may be in their registry though no row says so: a put of each was begun, and nobody heard what became of it.</summary>
public static class PossiblePuts
{
    /// <summary>Of an image that may be in its registry, and may not.</summary>
    /// <param name="why">Why that could not be found out, e.g. <c>the registry does not answer</c>.</param>
    public static Reason NotKnown(string why) => new(ReasonCode.RegistryUnavailable, $"A put of it was begun, and whether it came to pass is not known: {why}");

    /// <summary>Of an image that was not in its registry just now, while the registry may still have the request in its hands.</summary>
    public static Reason MayComeYet { get; } = new(
        ReasonCode.Canceled, "A put of it was under way: the registry did not hold it when it was asked, and may take it in yet. A retry puts it right.");

    internal static async Task<IReadOnlyList<ReleaseImage>> OfAsync(HistoryContext context, Release release, CancellationToken cancellationToken)
    {
        if (release.ImageId is null)
        {
            return [];
        }

        var pending = await context.ReleaseImages.AsNoTracking().Where(image => image.ReleaseId == release.Id && image.Status == ImageStatus.Pending)
            .OrderBy(image => image.Ordinal).ToListAsync(cancellationToken);
        List<ReleaseImage> possible = [];
        foreach (var image in pending)
        {
            if (await MayBeThereAsync(context, release, image, cancellationToken))
            {
                possible.Add(image);
            }
        }

        return possible;
    }

    /// <summary>An earlier attempt counts too: its images are planned anew, as pending.</summary>
    private static async Task<bool> MayBeThereAsync(HistoryContext context, Release release, ReleaseImage image, CancellationToken cancellationToken)
    {
        var owner = await TagLedger.OwnerAsync(context, image.Image, cancellationToken);
        return image.Kind != ImageTagKind.Floating && owner?.PushBegunAt is not null
            || owner is { Digest: not null } && owner.ReleaseId == release.Id
            || await context.OpenPuts.Of(image.Image).AnyAsync(put => put.HolderId == release.Id, cancellationToken);
    }
}
