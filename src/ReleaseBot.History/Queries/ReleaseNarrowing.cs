using System.Globalization;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// Turns a filter into a query whose cost does not grow with the history behind the page. Each filter alone follows an index that is in the
/// order of the pages. Of several, neither database can know which leaves the least for the values at hand: <c>main</c> is the ref of every
/// project, <c>v7.1.9</c> of one. So each one's index is asked first how much it holds, as far as a page may read, and the least leads.
/// </summary>
internal static class ReleaseNarrowing
{
    /// <summary>What is read of one index, and looked up in the others, in some 10 ms.</summary>
    private const int Few = 5000;

    /// <summary>So little that nothing else need be asked.</summary>
    private const int VeryFew = 50;

    /// <summary>The ids of what matches, newest first; never more than a page and one are taken of it.</summary>
    public static async Task<IQueryable<Guid>> KeysAsync(HistoryContext context, ReleaseFilter filter, CancellationToken cancellationToken)
    {
        List<Condition> conditions = [.. Conditions(context, filter)];
        var least = conditions.Count > 1 ? await LeastAsync(conditions, filter, cancellationToken) : conditions.Find(condition => condition.IsUnordered);
        if (least is not null)
        {
            return OneByOne(least, filter, conditions.Where(condition => condition != least));
        }

        if (conditions.Find(condition => condition.Images is not null) is { Images: { } images } led)
        {
            return AlongImages(context, Within(images, filter), [.. conditions.Where(condition => condition != led)]);
        }

        return filter.Statuses.Count > 1 ? AlongStatuses(context, filter, conditions) : Newest(Within(Matching(context, conditions), filter));
    }

    private static IEnumerable<Condition> Conditions(HistoryContext context, ReleaseFilter filter)
    {
        if (filter.Commit is { } commit)
        {
            // A range, so that the index serves; hex ends at 'f'.
            var (from, to) = (commit.ToLowerInvariant(), commit.ToLowerInvariant() + "g");
            // The only index that is not in the order of the pages: the bounds of a page would tempt SQLite to follow the key instead, through all history.
            var ofCommit = OfReleases(context, rows => rows.Where(release => string.Compare(release.Commit, from) >= 0 && string.Compare(release.Commit, to) < 0));
            yield return ofCommit with { Ids = _ => ofCommit.Ids(new ReleaseFilter()), IsUnordered = true };
        }

        if (filter.Digest is { } digest)
        {
            // Who put it there: a floating tag that rightly did not move bears another release's digest.
            yield return OfImages(context, context.ReleaseImages.Where(image => image.Digest == digest && image.Status == ImageStatus.Pushed));
        }

        if (filter.Image is { } reference)
        {
            yield return OfImages(context, Named(context, reference));
        }

        if (filter.Version is { } version)
        {
            yield return OfReleases(context, rows => rows.Where(release => release.Version == version));
        }

        if (filter.Project is { } project)
        {
            yield return OfReleases(context, rows => OfProject(rows, project));
        }

        if (filter.Ref is { } name)
        {
            yield return OfReleases(context, rows => GitRef.TryParse(name, out var full)
                ? rows.Where(release => release.RefName == full.Name && release.RefKind == full.Kind)
                : rows.Where(release => release.RefName == name));
        }

        if (filter.Statuses is [var only])
        {
            yield return OfReleases(context, rows => rows.Where(release => release.Status == only));
        }
        else if (filter.Statuses.Count > 1)
        {
            var statuses = filter.Statuses.ToArray();
            yield return OfReleases(context, rows => rows.Where(release => statuses.Contains(release.Status))) with
            {
                Ids = bounds => EachStatus(context.Releases, bounds, Few + 1),
                IsStatuses = true,
            };
        }
    }

    /// <summary>The condition that the fewest releases meet; null where each is met by many.</summary>
    private static async Task<Condition?> LeastAsync(List<Condition> conditions, ReleaseFilter filter, CancellationToken cancellationToken)
    {
        Condition? least = null;
        var fewest = Few + 1;
        foreach (var condition in conditions)
        {
            var ids = condition.Ids(filter);
            var count = await (condition.IsStatuses ? ids : ids.OrderByDescending(id => id).Take(fewest)).CountAsync(cancellationToken);
            if (count < fewest)
            {
                (least, fewest) = (condition, count);
            }

            if (fewest <= VeryFew)
            {
                break;
            }
        }

        return least;
    }

    /// <summary>
    /// Of the few that meet one condition, those that meet the others as well, each looked up by itself. The offset, of nothing, keeps the few together:
    /// the bounds of a page, or the order, would tempt both databases to begin elsewhere.
    /// </summary>
    private static IQueryable<Guid> OneByOne(Condition few, ReleaseFilter filter, IEnumerable<Condition> others)
    {
        var ids = few.Images is null ? few.Ids(filter) : few.Ids(filter).Distinct();
        var found = others.Aggregate(Within(ids.OrderByDescending(id => id).Skip(0), filter), (rest, other) => other.Holding(rest));
        return found.OrderByDescending(id => id);
    }

    /// <summary>
    /// Along the index of the images, which has the release's id behind what is asked for; the rest is looked up release by release. By SQLite each condition by
    /// itself: of two at once on a release it takes the index of one, and with a bound on the key it walks along that for every image, instead of asking for an id.
    /// </summary>
    private static IQueryable<Guid> AlongImages(HistoryContext context, IQueryable<ReleaseImage> images, List<Condition> others)
    {
        if (MayJoin(context))
        {
            images = others.Aggregate(images, (rest, other) => other.HoldingImages(rest));
        }
        else if (others.Count > 0)
        {
            var releases = Matching(context, others);
            images = images.Where(image => releases.Any(release => release.Id == image.ReleaseId));
        }

        return images.GroupBy(image => image.ReleaseId).Select(group => group.Key).OrderByDescending(id => id);
    }

    /// <summary>One walk along (status, id) for each: with all in one condition the database would sort every release of these statuses.</summary>
    private static IQueryable<Guid> AlongStatuses(HistoryContext context, ReleaseFilter filter, List<Condition> conditions)
    {
        var rows = Matching(context, conditions.Where(condition => !condition.IsStatuses));
        return EachStatus(rows, filter, filter.Limit + 1).OrderByDescending(id => id);
    }

    private static IQueryable<Guid> EachStatus(IQueryable<Release> rows, ReleaseFilter filter, int most) =>
        filter.Statuses.Distinct()
            .Select(status => Newest(Within(rows, filter).Where(release => release.Status == status)).Take(most))
            .Aggregate((all, next) => all.Concat(next));

    private static IQueryable<Guid> Newest(IQueryable<Release> rows) => rows.OrderByDescending(release => release.Id).Select(release => release.Id);

    private static IQueryable<Release> Matching(HistoryContext context, IEnumerable<Condition> conditions) =>
        conditions.Aggregate(context.Releases.AsQueryable(), (rows, condition) => condition.Narrow(rows));

    private static Condition OfReleases(HistoryContext context, Func<IQueryable<Release>, IQueryable<Release>> narrow)
    {
        var rows = narrow(context.Releases);
        return new Condition(
            narrow,
            filter => Within(rows, filter).Select(release => release.Id),
            ids => MayJoin(context)
                ? ids.Where(id => rows.Any(release => release.Id == id))
                : ids.Where(id => rows.Where(release => release.Id == id).Skip(0).Any()),
            images => images.Where(image => rows.Any(release => release.Id == image.ReleaseId)));
    }

    private static Condition OfImages(HistoryContext context, IQueryable<ReleaseImage> images) =>
        new(
            rows => rows.Where(release => images.Any(image => image.ReleaseId == release.Id)),
            filter => Within(images, filter).Select(image => image.ReleaseId),
            ids => MayJoin(context)
                ? ids.Where(id => images.Any(image => image.ReleaseId == id))
                : ids.Where(id => images.Where(image => image.ReleaseId == id).Skip(0).Any()),
            rest => rest.Where(image => images.Any(own => own.ReleaseId == image.ReleaseId)))
        {
            Images = images,
        };

    /// <summary>
    /// Whether the database looks a few thousand ids up in an index where it is only asked whether they are there. PostgreSQL would rather read an index of
    /// the others from end to end, to merge or to hash it, and is kept from it by an offset of nothing; with one SQLite takes an index that does not tell.
    /// </summary>
    private static bool MayJoin(HistoryContext context) => context.Database.IsSqlite();

    private static IQueryable<Release> Within(IQueryable<Release> rows, ReleaseFilter filter)
    {
        if (First(filter) is { } first)
        {
            rows = rows.Where(release => release.Id >= first);
        }

        return End(filter) is { } end ? rows.Where(release => release.Id < end) : rows;
    }

    private static IQueryable<ReleaseImage> Within(IQueryable<ReleaseImage> images, ReleaseFilter filter)
    {
        if (First(filter) is { } first)
        {
            images = images.Where(image => image.ReleaseId >= first);
        }

        return End(filter) is { } end ? images.Where(image => image.ReleaseId < end) : images;
    }

    private static IQueryable<Guid> Within(IQueryable<Guid> ids, ReleaseFilter filter)
    {
        if (First(filter) is { } first)
        {
            ids = ids.Where(id => id >= first);
        }

        return End(filter) is { } end ? ids.Where(id => id < end) : ids;
    }

    /// <summary>Ids begin with the time they were made at, so a time is a bound on the key and needs no index of its own.</summary>
    private static Guid? First(ReleaseFilter filter) => filter.Since is { } since ? IdSequence.FirstAt(since) : null;

    private static Guid? End(ReleaseFilter filter)
    {
        Guid? end = filter.Until is { } until && until < DateTimeOffset.MaxValue.AddSeconds(-1) ? IdSequence.FirstAt(until.AddMilliseconds(1)) : null;
        return filter.Before is { } before && (end is null || before < end) ? before : end;
    }

    private static IQueryable<Release> OfProject(IQueryable<Release> rows, string project)
    {
        if (long.TryParse(project, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            return rows.Where(release => release.ProjectId == id);
        }

        // GitLab's paths are the same in any case. An index on the lower-case path serves; see the migration ProjectPathsInAnyCase.
        var lower = project.ToLowerInvariant();
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

    /// <summary>One thing that is asked for, besides the bounds of the page.</summary>
    /// <param name="Narrow">Leaves what meets it.</param>
    /// <param name="Ids">The releases that meet it, by its own index, within the filter's bounds where those help; more than once where several images do.</param>
    /// <param name="Holding">Leaves of some ids those whose release meets it, looked up one by one.</param>
    /// <param name="HoldingImages">The same of some images.</param>
    private sealed record Condition(
        Func<IQueryable<Release>, IQueryable<Release>> Narrow, Func<ReleaseFilter, IQueryable<Guid>> Ids, Func<IQueryable<Guid>, IQueryable<Guid>> Holding,
        Func<IQueryable<ReleaseImage>, IQueryable<ReleaseImage>> HoldingImages)
    {
        /// <summary>Set where it is on images.</summary>
        public IQueryable<ReleaseImage>? Images { get; init; }

        public bool IsStatuses { get; init; }

        /// <summary>Few meet it, and its index does not have the key behind what it finds.</summary>
        public bool IsUnordered { get; init; }
    }
}
