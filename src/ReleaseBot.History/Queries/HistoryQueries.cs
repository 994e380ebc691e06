using System.Globalization;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What the API and the pages read.</summary>
public sealed class HistoryQueries(HistoryDatabase database)
{
    public Task<Page<Release>> ReleasesAsync(ReleaseFilter filter, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var rows = await Narrow(context, filter)
                    .OrderByDescending(release => release.Id)
                    .Take(filter.Limit + 1)
                    .Include(release => release.Images.OrderBy(image => image.Ordinal))
                    .Include(release => release.Stages.OrderBy(stage => stage.StartedAt))
                    .AsSplitQuery()
                    .ToListAsync(token);
                return PageOf(rows, filter.Limit, release => release.Id);
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

    /// <summary>Whether a release has ended; null if there is none.</summary>
    public Task<ReleaseStatus?> StatusAsync(Guid id, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.Releases.Where(release => release.Id == id).Select(release => (ReleaseStatus?)release.Status).SingleOrDefaultAsync(token),
            cancellationToken);

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
                    rows = rows.Where(delivery => delivery.ProjectPath == project);
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
            (context, token) => context.TagMoves
                .Where(move => move.Host == image.Repository.Host && move.Repository == image.Repository.Name && move.Tag == image.Tag)
                .OrderByDescending(move => move.Id).Take(limit).ToListAsync(token),
            cancellationToken);

    public Task<TagOwner?> TagOwnerAsync(ImageRef image, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.TagOwners.SingleOrDefaultAsync(
                owner => owner.Host == image.Repository.Host && owner.Repository == image.Repository.Name && owner.Tag == image.Tag, token),
            cancellationToken);

    /// <summary>What is not final, oldest first.</summary>
    public Task<List<Release>> ActiveAsync(int limit, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.Releases
                .Where(release => release.Status == ReleaseStatus.Verifying || release.Status == ReleaseStatus.Queued
                    || release.Status == ReleaseStatus.Building || release.Status == ReleaseStatus.Pushing)
                .OrderBy(release => release.Id).Take(limit).ToListAsync(token),
            cancellationToken);

    /// <summary>What a tag pointed to at a time by our own deed; null where it was not there yet.</summary>
    public Task<TagMove?> LastMoveAsync(ImageRef image, DateTimeOffset at, CancellationToken cancellationToken)
    {
        var end = TimeKey.FirstAt(at.AddMilliseconds(1));
        return database.ReadAsync(
            (context, token) => context.TagMoves
                .Where(move => move.Host == image.Repository.Host && move.Repository == image.Repository.Name && move.Tag == image.Tag
                    && move.Id < end && move.Verdict != TagVerdict.Kept && move.Verdict != TagVerdict.Refused)
                .OrderByDescending(move => move.Id).FirstOrDefaultAsync(token),
            cancellationToken);
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

    private static IQueryable<Release> Narrow(HistoryContext context, ReleaseFilter filter)
    {
        var rows = context.Releases.AsQueryable();
        if (filter.Before is { } before)
        {
            rows = rows.Where(release => release.Id < before);
        }

        // Ids begin with the time they were made at, so a time is a bound on the key and needs no index of its own.
        if (filter.Since is { } since)
        {
            var first = TimeKey.FirstAt(since);
            rows = rows.Where(release => release.Id >= first);
        }

        if (filter.Until is { } until)
        {
            var end = TimeKey.FirstAt(until.AddMilliseconds(1));
            rows = rows.Where(release => release.Id < end);
        }

        if (filter.Project is { } project)
        {
            rows = long.TryParse(project, NumberStyles.None, CultureInfo.InvariantCulture, out var projectId)
                ? rows.Where(release => release.ProjectId == projectId)
                : rows.Where(release => release.ProjectPath == project);
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

        if (filter.Statuses.Count > 0)
        {
            rows = rows.Where(release => filter.Statuses.Contains(release.Status));
        }

        if (filter.Digest is { } digest)
        {
            rows = rows.Where(release => context.ReleaseImages.Any(image => image.ReleaseId == release.Id && image.Digest == digest));
        }

        return filter.Image is { } reference ? NarrowToImage(context, rows, reference) : rows;
    }

    private static IQueryable<Release> NarrowToImage(HistoryContext context, IQueryable<Release> rows, string reference)
    {
        if (ImageRef.TryParse(reference, out _))
        {
            return rows.Where(release => context.ReleaseImages.Any(image => image.ReleaseId == release.Id && image.Reference == reference));
        }

        var slash = reference.IndexOf('/', StringComparison.Ordinal);
        var (host, repository) = slash < 0 ? ("", reference) : (reference[..slash], reference[(slash + 1)..]);
        return rows.Where(release => context.ReleaseImages.Any(
            image => image.ReleaseId == release.Id && image.Host == host && image.Repository == repository));
    }

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

internal static class TimeKey
{
    /// <summary>The lowest UUIDv7 of a millisecond.</summary>
    public static Guid FirstAt(DateTimeOffset moment)
    {
        Span<byte> bytes = stackalloc byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes, Math.Max(0, moment.ToUnixTimeMilliseconds()) << 16);
        bytes[6] = 0x70;
        bytes[8] = 0x80;
        return new Guid(bytes, bigEndian: true);
    }
}
