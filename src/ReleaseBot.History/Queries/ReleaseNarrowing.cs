using System.Globalization;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Turns a filter into a query whose cost does not grow with the history behind the page.</summary>
internal static class ReleaseNarrowing
{
    /// <summary>The ids of what matches, newest first; never more than a page and one are taken of it.</summary>
    public static IQueryable<Guid> Keys(HistoryContext context, ReleaseFilter filter)
    {
        if (filter.Statuses.Count <= 1)
        {
            return Newest(Narrow(context, filter, filter.Statuses.Count == 0 ? null : filter.Statuses[0]));
        }

        // One walk along (status, id) for each: with all in one condition the database would sort every release of these statuses.
        return filter.Statuses.Distinct()
            .Select(status => Newest(Narrow(context, filter, status)).Take(filter.Limit + 1))
            .Aggregate((all, next) => all.Concat(next))
            .OrderByDescending(id => id);
    }

    private static IQueryable<Guid> Newest(IQueryable<Release> rows) => rows.OrderByDescending(release => release.Id).Select(release => release.Id);

    private static IQueryable<Release> Narrow(HistoryContext context, ReleaseFilter filter, ReleaseStatus? status)
    {
        var rows = context.Releases.AsQueryable();
        if (filter.Before is { } before)
        {
            rows = rows.Where(release => release.Id < before);
        }

        // Ids begin with the time they were made at, so a time is a bound on the key and needs no index of its own.
        if (filter.Since is { } since)
        {
            var first = IdSequence.FirstAt(since);
            rows = rows.Where(release => release.Id >= first);
        }

        if (filter.Until is { } until && until < DateTimeOffset.MaxValue.AddSeconds(-1))
        {
            var end = IdSequence.FirstAt(until.AddMilliseconds(1));
            rows = rows.Where(release => release.Id < end);
        }

        if (filter.Project is { } project)
        {
            rows = long.TryParse(project, NumberStyles.None, CultureInfo.InvariantCulture, out var projectId)
                ? rows.Where(release => release.ProjectId == projectId)
                : ByPath(rows, project);
        }

        if (filter.Ref is { } name)
        {
            rows = GitRef.TryParse(name, out var full)
                ? rows.Where(release => release.RefName == full.Name && release.RefKind == full.Kind)
                : rows.Where(release => release.RefName == name);
        }

        if (filter.Version is { } version)
        {
            rows = rows.Where(release => release.Version == version);
        }

        if (filter.Commit is { } commit)
        {
            // A range, so that the index serves; hex ends at 'f'.
            var (from, to) = (commit.ToLowerInvariant(), commit.ToLowerInvariant() + "g");
            rows = rows.Where(release => string.Compare(release.Commit, from) >= 0 && string.Compare(release.Commit, to) < 0);
        }

        if (status is { } only)
        {
            rows = rows.Where(release => release.Status == only);
        }

        if (filter.Digest is { } digest)
        {
            // Who put it there: a floating tag that rightly did not move bears another release's digest.
            rows = OfImages(rows, context.ReleaseImages.Where(image => image.Digest == digest && image.Status == ImageStatus.Pushed), filter.Before);
        }

        return filter.Image is { } reference ? OfImages(rows, Named(context, reference), filter.Before) : rows;
    }

    /// <summary>GitLab's paths are the same in any case. An index on the lower-case path serves; see the migration ProjectPathsInAnyCase.</summary>
    private static IQueryable<Release> ByPath(IQueryable<Release> rows, string path)
    {
        var lower = path.ToLowerInvariant();
#pragma warning disable CA1862 // EF Core turns this into lower(project_path); a comparison of .NET's it can't.
        return rows.Where(release => release.ProjectPath.ToLower() == lower);
#pragma warning restore CA1862
    }

    private static IQueryable<ReleaseImage> Named(HistoryContext context, string reference)
    {
        if (ImageRef.TryParse(reference, out _))
        {
            return context.ReleaseImages.Where(image => image.Reference == reference);
        }

        var slash = reference.IndexOf('/', StringComparison.Ordinal);
        var (host, repository) = slash < 0 ? ("", reference) : (reference[..slash], reference[(slash + 1)..]);
        return context.ReleaseImages.Where(image => image.Host == host && image.Repository == repository);
    }

    /// <summary>The releases that have one of these images: by a list of ids that the image's index holds, not by asking for each release in turn.</summary>
    private static IQueryable<Release> OfImages(IQueryable<Release> rows, IQueryable<ReleaseImage> images, Guid? before)
    {
        if (before is { } end)
        {
            images = images.Where(image => image.ReleaseId < end);
        }

        return rows.Where(release => images.Select(image => image.ReleaseId).Contains(release.Id));
    }
}
