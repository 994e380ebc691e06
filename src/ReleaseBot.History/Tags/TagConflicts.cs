using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Whether a release may have the names of its plan, by what history knows: <c>repository-taken</c>, <c>tag-taken</c>, <c>version-exists</c>.</summary>
internal static class TagConflicts
{
    /// <returns>The first image that it may not have, and why; null where it may have them all.</returns>
    public static async Task<(ReleaseImage Image, Reason Reason)?> FindAsync(
        HistoryContext context, Release release, IEnumerable<ReleaseImage> planned, OverwritePolicy overwrite, CancellationToken cancellationToken)
    {
        foreach (var image in planned)
        {
            if (await FindAsync(context, release, image.Image, image.Kind, overwrite, cancellationToken) is { } reason)
            {
                return (image, reason);
            }
        }

        return null;
    }

    public static async Task<Reason?> FindAsync(
        HistoryContext context, Release release, ImageRef image, ImageTagKind kind, OverwritePolicy overwrite, CancellationToken cancellationToken)
    {
        var (host, repository) = (image.Repository.Host, image.Repository.Name);
        var holder = await context.RepositoryOwners.AsNoTracking()
            .SingleOrDefaultAsync(row => row.Host == host && row.Repository == repository, cancellationToken);
        if (holder is { IsPublished: true } && holder.ProjectId != release.ProjectId)
        {
            return new Reason(ReasonCode.RepositoryTaken,
                $"{image.Repository} belongs to project {holder.ProjectId}, which published there first. An operator can hand it over.");
        }

        var owner = await context.TagOwners.AsNoTracking()
            .SingleOrDefaultAsync(row => row.Host == host && row.Repository == repository && row.Tag == image.Tag, cancellationToken);
        var isUnderWay = owner is { IsPublished: false, ReleaseId: { } other } && other != release.Id && await IsUnderWayAsync(context, other, cancellationToken);
        return owner is null || ConflictWith(owner, isUnderWay, release, image, kind, overwrite) is not { } reason
            ? null
            : reason.Code == ReasonCode.VersionExists && release.RefKind == RefKind.Branch && await IsOfCommitAsync(context, owner, release.Commit, cancellationToken)
            ? null
            : reason;
    }

    /// <summary>Writes down that a release may not have a tag, which stays where it is.</summary>
    /// <param name="found">What the registry was seen to hold there; null: what we know to have put there.</param>
    public static async Task RecordAsync(
        HistoryDatabase database, HistoryContext context, Release release, ReleaseImage image, Digest? found, Reason reason, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        if (found is null && (await TagLedger.OwnerAsync(context, image.Image, cancellationToken))?.Digest is { } known)
        {
            found = Digest.Parse(known);
        }

        context.TagMoves.Add(TagMove.Of(database.NewId(now), release, image, found, found, TagVerdict.Refused, reason.Message, now));
    }

    /// <summary>A branch that comes back to a commit finds the tags of that commit published, by itself.</summary>
    private static Task<bool> IsOfCommitAsync(HistoryContext context, TagOwner owner, string? commit, CancellationToken cancellationToken) =>
        context.Releases.AnyAsync(release => release.Id == owner.ReleaseId && release.Commit == commit, cancellationToken);

    /// <summary>It waits for a registry maybe, with another holding its image under the name already.</summary>
    private static Task<bool> IsUnderWayAsync(HistoryContext context, Guid releaseId, CancellationToken cancellationToken) =>
        context.Releases.AnyAsync(
            row => row.Id == releaseId && (row.Status == ReleaseStatus.Queued || row.Status == ReleaseStatus.Building || row.Status == ReleaseStatus.Pushing), cancellationToken);

    /// <param name="isUnderWay">The owner is another release, which may come to be published yet.</param>
    private static Reason? ConflictWith(TagOwner owner, bool isUnderWay, Release release, ImageRef image, ImageTagKind kind, OverwritePolicy overwrite)
    {
        if (owner.HandedToProjectId == release.ProjectId && owner.HandedToRef == release.Ref.FullName)
        {
            return null;
        }

        var isAnother = (owner.ProjectId, owner.Ref) != (release.ProjectId, release.Ref.FullName);
        if (isUnderWay && isAnother && owner.Kind != ImageTagKind.Floating)
        {
            return new Reason(ReasonCode.TagTaken,
                $"{image} belongs to {WhoseIs(owner.ProjectId, owner.Ref, release)}, whose release {owner.ReleaseId} is under way. Rename the ref, or retry if that one is not published.");
        }

        if (owner.Kind != kind)
        {
            // People pull a floating tag from its first move on, whatever becomes of the release.
            return owner.IsPublished || owner is { Kind: ImageTagKind.Floating, Digest: not null }
                ? new Reason(ReasonCode.TagTaken, $"{image} is a {owner.Kind.ToText()} tag of {owner.Ref}; it can't be a {kind.ToText()} tag of {release.Ref.FullName} too.")
                : null;
        }

        if (kind == ImageTagKind.Floating || !owner.IsPublished || owner.ReleaseId == release.Id)
        {
            return null;
        }

        if (isAnother)
        {
            return new Reason(ReasonCode.TagTaken, Taken(image, owner.ProjectId, owner.Ref, release));
        }

        return kind == ImageTagKind.Version && overwrite == OverwritePolicy.Refuse
            ? new Reason(ReasonCode.VersionExists,
                $"{image} was published already, by release {owner.ReleaseId}, and a published version never changes. Release a new version, or set Overwrite to Allow.")
            : null;
    }

    /// <summary>Another ref has published the tag, of this project or another.</summary>
    internal static string Taken(ImageRef image, long ownerProject, string ownerRef, Release release) =>
        $"{image} belongs to {WhoseIs(ownerProject, ownerRef, release)}, which published it first. Rename the ref, or have an operator hand the tag over.";

    private static string WhoseIs(long ownerProject, string ownerRef, Release release) =>
        ownerProject == release.ProjectId ? ownerRef : $"{ownerRef} of project {ownerProject}";
}
