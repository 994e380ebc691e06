using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Whether a release may have the names of its plan, by what history knows: <c>repository-taken</c>, <c>tag-taken</c>, <c>version-exists</c>.</summary>
internal static class TagConflicts
{
    public static async Task<Reason?> FindAsync(
        HistoryContext context, Release release, IEnumerable<(ImageRef Image, ImageTagKind Kind)> planned, OverwritePolicy overwrite,
        CancellationToken cancellationToken)
    {
        foreach (var (image, kind) in planned)
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
            if (owner is not null && ConflictWith(owner, release, image, kind, overwrite) is { } reason)
            {
                return reason;
            }
        }

        return null;
    }

    private static Reason? ConflictWith(TagOwner owner, Release release, ImageRef image, ImageTagKind kind, OverwritePolicy overwrite)
    {
        if (owner.HandedToProjectId == release.ProjectId && owner.HandedToRef == release.Ref.FullName)
        {
            return null;
        }

        if (owner.Kind != kind)
        {
            return owner.IsPublished
                ? new Reason(ReasonCode.TagTaken, $"{image} is a {owner.Kind.ToText()} tag of {owner.Ref}; it can't be a {kind.ToText()} tag of {release.Ref.FullName} too.")
                : null;
        }

        if (kind == ImageTagKind.Floating || !owner.IsPublished || owner.ReleaseId == release.Id)
        {
            return null;
        }

        if (owner.Ref != release.Ref.FullName)
        {
            return new Reason(ReasonCode.TagTaken, $"{image} belongs to {owner.Ref}, which published it first. Rename the ref, or have an operator hand the tag over.");
        }

        return kind == ImageTagKind.Version && overwrite == OverwritePolicy.Refuse
            ? new Reason(ReasonCode.VersionExists,
                $"{image} was published already, by release {owner.ReleaseId}, and a published version never changes. Release a new version, or set Overwrite to Allow.")
            : null;
    }
}
