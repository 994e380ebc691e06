using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Which puts of floating tags were begun and not accounted for.</summary>
internal static class OpenPuts
{
    /// <summary>How long a put that nobody accounted for is evidence. No request lives that long.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    /// <summary>While there is one, the tag is compared with the registry this often.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromMinutes(1);

    /// <summary>Writes down that a put begins, and has the tag looked at soon.</summary>
    public static async Task OpenAsync(
        HistoryContext context, Guid id, ImageRef image, Digest digest, Guid holder, long fence, DateTimeOffset now, CancellationToken cancellationToken)
    {
        context.OpenPuts.Add(new OpenPut
        {
            Id = id,
            Host = image.Repository.Host,
            Repository = image.Repository.Name,
            Tag = image.Tag,
            Digest = digest.Value,
            HolderId = holder,
            Fence = fence,
            OpenedAt = now,
        });
        if (await TagLedger.OwnerAsync(context, image, cancellationToken) is { NextCheckAt: { } next } owner && next > now + Look)
        {
            owner.NextCheckAt = now + Look;
        }
    }

    /// <summary>
    /// Accounts for the puts that have come to pass: the holder's own under this fence, and where the tag was found on the digest, whichever put it there.
    /// One of an earlier fence may still be on its way.
    /// </summary>
    public static Task CloseAsync(
        HistoryContext context, ImageRef image, Digest digest, bool wasFound, Guid holder, long fence, CancellationToken cancellationToken) =>
        context.OpenPuts.Of(image).Where(put => put.Digest == digest.Value && (wasFound || put.HolderId == holder && put.Fence == fence))
            .ExecuteDeleteAsync(cancellationToken);

    /// <summary>When a tag that was published just now is first compared with the registry.</summary>
    public static async Task<TimeSpan> FirstLookAsync(HistoryContext context, ImageRef image, CancellationToken cancellationToken) =>
        await context.OpenPuts.Of(image).AnyAsync(cancellationToken) ? Look : DriftLedger.FirstCheck;
}
