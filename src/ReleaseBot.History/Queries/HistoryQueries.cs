using System.Globalization;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What the API and the pages read.</summary>
public sealed class HistoryQueries(HistoryDatabase database)
{
    private const int MaxChanges = 50;

    // By the time of the move and not by its id, which may be ahead of it where a process's clock is.
    private const string StatesSql = $"SELECT * FROM tag_moves WHERE host = {{0}} AND repository = {{1}} AND tag = {{2}} AND at <= {{3}} AND {HistoryContext.IsState}";
    private const string LastStateSql = StatesSql + " ORDER BY at DESC, id DESC LIMIT 1";
    private const string LastMoveSql = StatesSql + " AND verdict NOT IN ('drifted', 'agreed') ORDER BY at DESC, id DESC LIMIT 1";

    public Task<Page<Release>> ReleasesAsync(ReleaseFilter filter, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                // The keys first: the filters run once, whatever is joined to a page afterwards.
                var matching = await ReleaseNarrowing.KeysAsync(context, filter, token);
                var keys = await matching.Take(filter.Limit + 1).ToListAsync(token);
                var page = PageOf(keys, filter.Limit, key => key);
                var releases = await WithImagesAndStagesAsync(context, page.Items, token);
                return new Page<Release>(releases, page.Next);
            },
            cancellationToken);

    public Task<Release?> ReleaseAsync(Guid id, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.Releases
                .Include(release => release.Images.OrderBy(image => image.Ordinal))
                .Include(release => release.Stages.OrderBy(stage => stage.StartedAt))
                .AsSplitQuery()
                .SingleOrDefaultAsync(release => release.Id == id, token),
            cancellationToken);

    /// <summary>What a stored delivery would be about if it were judged again.</summary>
    /// <param name="judged">By the rules of today; accepted.</param>
    /// <param name="made">The release that came of it.</param>
    public Task<ReleaseStanding> StandingAsync(NewDelivery judged, Guid? made, CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => ReleaseStanding.OfResentAsync(context, judged, made, token), cancellationToken);

    /// <summary>What publishing a ref would be about.</summary>
    public Task<ReleaseStanding> StandingAsync(NewRelease release, CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => ReleaseStanding.OfAsync(context, release, token), cancellationToken);

    /// <summary>Whether a release has ended; null if there is none.</summary>
    public Task<ReleaseStatus?> StatusAsync(Guid id, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.Releases.Where(release => release.Id == id).Select(release => (ReleaseStatus?)release.Status).SingleOrDefaultAsync(token),
            cancellationToken);

    /// <summary>
    /// Whether an engine should keep the image of a release: while it is under way, and for a time after it has failed in its push, so that a retry has
    /// nothing to build.
    /// </summary>
    /// <returns>Null where there is no such release.</returns>
    public Task<bool?> IsImageNeededAsync(Guid id, TimeSpan afterFailure, CancellationToken cancellationToken) =>
        database.ReadAsync<bool?>(
            async (context, token) =>
            {
                var since = await database.NowAsync(context, token) - afterFailure;
                return await context.Releases.Where(release => release.Id == id)
                    .Select(release => new { release.Status, release.ImageId, release.Digest, release.FinishedAt }).SingleOrDefaultAsync(token) is { } row
                    ? !row.Status.IsFinal() || row is { Status: ReleaseStatus.Failed, ImageId: not null, Digest: null } && row.FinishedAt >= since
                    : null;
            },
            cancellationToken);

    /// <summary>Deliveries without their bodies.</summary>
    public Task<Page<Delivery>> DeliveriesAsync(DeliveryFilter filter, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var rows = context.Deliveries.AsQueryable();
                if (filter.Before is { } before)
                {
                    rows = rows.Where(delivery => delivery.Id < before);
                }

                if (filter.Project is { } project)
                {
                    // A path has a slash, so that digits alone are an id.
                    var path = long.TryParse(project, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                        ? await context.Projects.Where(known => known.Id == number).Select(known => known.Path.ToLower()).SingleOrDefaultAsync(token) ?? ""
                        : project.ToLowerInvariant();
#pragma warning disable CA1862 // See ReleaseNarrowing.
                    rows = rows.Where(delivery => delivery.ProjectPath!.ToLower() == path);
#pragma warning restore CA1862
                }

                if (filter.Outcome is { } outcome)
                {
                    rows = rows.Where(delivery => delivery.Outcome == outcome);
                }

                var page = await WithoutBodies(rows.OrderByDescending(delivery => delivery.Id).Take(filter.Limit + 1)).ToListAsync(token);
                return PageOf(page, filter.Limit, delivery => delivery.Id);
            },
            cancellationToken);

    public Task<Delivery?> DeliveryAsync(Guid id, CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => context.Deliveries.SingleOrDefaultAsync(delivery => delivery.Id == id, token), cancellationToken);

    /// <summary>The body of a delivery as it came; null where it is not kept.</summary>
    public async Task<byte[]?> DeliveryBodyAsync(Guid id, CancellationToken cancellationToken) =>
        await DeliveryAsync(id, cancellationToken) is { Body: { } body } ? Compression.Decompress(body) : null;

    /// <summary>What is to be told of a release, and what became of it.</summary>
    public Task<List<OutboxMessage>> MessagesAsync(Guid releaseId, CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => context.OutboxMessages.Where(row => row.ReleaseId == releaseId).OrderBy(row => row.Id).ToListAsync(token), cancellationToken);

    /// <summary>Every move and refusal of a tag, newest first, <paramref name="limit"/> at the most.</summary>
    public Task<List<TagMove>> MovesAsync(ImageRef image, int limit, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.TagMoves.Of(image).OrderByDescending(move => move.Id).Take(limit).ToListAsync(token),
            cancellationToken);

    /// <param name="before">The last of the page before.</param>
    public Task<Page<TagMove>> MovesAsync(ImageRef image, int limit, Guid? before, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var moves = context.TagMoves.Of(image);
                moves = before is { } last ? moves.Where(move => move.Id < last) : moves;
                return PageOf(await moves.OrderByDescending(move => move.Id).Take(limit + 1).ToListAsync(token), limit, move => move.Id);
            },
            cancellationToken);

    public Task<TagOwner?> TagOwnerAsync(ImageRef image, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.TagOwners.SingleOrDefaultAsync(
                owner => owner.Host == image.Repository.Host && owner.Repository == image.Repository.Name && owner.Tag == image.Tag, token),
            cancellationToken);

    /// <summary>What operators, and the drift check, wish of a tag, newest first, <paramref name="limit"/> at the most.</summary>
    public Task<List<TagChange>> TagChangesAsync(ImageRef image, int limit, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.TagChanges.Of(image).OrderByDescending(change => change.Id).Take(limit).ToListAsync(token),
            cancellationToken);

    public Task<TagRetraction?> RetractionAsync(ImageRef image, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.TagRetractions.SingleOrDefaultAsync(
                row => row.Host == image.Repository.Host && row.Repository == image.Repository.Name && row.Tag == image.Tag, token),
            cancellationToken);

    /// <summary>What was done to the tags of a release past it, by operators and the drift check: to it or away from it; newest first, 50 at the most.</summary>
    public Task<List<TagMove>> ChangesOfAsync(Release release, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                List<TagMove> moves = [];
                foreach (var image in release.Images)
                {
                    moves.AddRange(await context.TagMoves.Of(image.Image)
                        .Where(move => (move.ChangeId != null || move.Verdict == TagVerdict.Drifted || move.Verdict == TagVerdict.Agreed)
                            && (move.ReleaseId == release.Id || release.Digest != null && move.From == release.Digest))
                        .OrderByDescending(move => move.Id).Take(MaxChanges).ToListAsync(token));
                }

                return moves.OrderByDescending(move => move.At).Take(MaxChanges).ToList();
            },
            cancellationToken);

    public Task<HistoryVitals> VitalsAsync(CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => HistoryVitals.ReadAsync(context, database, token), cancellationToken);

    /// <summary>What a tag pointed to at a time, that moment included.</summary>
    public Task<TagState> StateAsync(ImageRef image, DateTimeOffset at, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                object[] values = [image.Repository.Host, image.Repository.Name, image.Tag, at.ForSql(database)];
                var moved = await context.TagMoves.FromSqlRaw(LastMoveSql, values).ToListAsync(token);
                var last = await context.TagMoves.FromSqlRaw(LastStateSql, values).ToListAsync(token);
                return new TagState(moved.SingleOrDefault(), last.SingleOrDefault(move => move.Verdict == TagVerdict.Drifted));
            },
            cancellationToken);

    /// <summary>
    /// Newest first. The ids as one parameter, since a list of parameters has EF Core write its SQL anew for every page; and each table by itself, since
    /// its Include would join the releases to their images again, and to their stages.
    /// </summary>
    private static async Task<List<Release>> WithImagesAndStagesAsync(HistoryContext context, IReadOnlyList<Guid> ids, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
        {
            return [];
        }

        Guid[] asked = [.. ids];
        var releases = await context.Releases.Where(release => EF.Parameter(asked).Contains(release.Id))
            .OrderByDescending(release => release.Id).ToListAsync(cancellationToken);
        var images = await context.ReleaseImages.Where(image => EF.Parameter(asked).Contains(image.ReleaseId))
            .OrderBy(image => image.Ordinal).ToListAsync(cancellationToken);
        var stages = await context.ReleaseStages.Where(stage => EF.Parameter(asked).Contains(stage.ReleaseId))
            .OrderBy(stage => stage.StartedAt).ToListAsync(cancellationToken);
        var (imagesOf, stagesOf) = (images.ToLookup(image => image.ReleaseId), stages.ToLookup(stage => stage.ReleaseId));
        foreach (var release in releases)
        {
            release.Images.AddRange(imagesOf[release.Id]);
            release.Stages.AddRange(stagesOf[release.Id]);
        }

        return releases;
    }

    /// <summary>A page of deliveries needs none of their bodies, which may have megabytes each.</summary>
    private static IQueryable<Delivery> WithoutBodies(IQueryable<Delivery> rows) => rows.Select(delivery => new Delivery
    {
        Id = delivery.Id,
        Key = delivery.Key,
        ReceivedAt = delivery.ReceivedAt,
        Event = delivery.Event,
        ProjectId = delivery.ProjectId,
        ProjectPath = delivery.ProjectPath,
        Ref = delivery.Ref,
        Before = delivery.Before,
        After = delivery.After,
        User = delivery.User,
        Outcome = delivery.Outcome,
        ReasonCode = delivery.ReasonCode,
        ReasonMessage = delivery.ReasonMessage,
        ReleaseId = delivery.ReleaseId,
        Headers = delivery.Headers,
        BodySha256 = delivery.BodySha256,
        BodyBytes = delivery.BodyBytes,
    });

    private static Page<T> PageOf<T>(List<T> rows, int limit, Func<T, Guid> key)
    {
        if (rows.Count <= limit)
        {
            return new Page<T>(rows, null);
        }

        rows.RemoveRange(limit, rows.Count - limit);
        return new Page<T>(rows, key(rows[^1]));
    }
}
