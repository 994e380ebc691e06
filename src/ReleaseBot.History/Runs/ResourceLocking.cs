using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// Locks that are rows: releases that share a repository run one after another, and a tag is moved by one run at a time. The primary key is
/// the resource, so that two can't both hold it, whatever they saw before.
/// </summary>
internal static class ResourceLocking
{
    // One statement, since two takers that look first and insert afterwards both see a free resource.
    private const string TakeSql =
        """
        INSERT INTO resource_locks (resource, release_id, fence, until) VALUES ({0}, {1}, {2}, {3})
        ON CONFLICT (resource) DO UPDATE SET release_id = excluded.release_id, fence = excluded.fence, until = excluded.until
         WHERE resource_locks.until < {4} OR (resource_locks.release_id = excluded.release_id AND resource_locks.fence <= excluded.fence)
        """;

    public static string Repository(ImageRepository repository) => $"repository:{repository}";

    public static string Tag(ImageRef image) => $"tag:{image}";

    /// <summary>Takes a resource that is free, past its time, or held by an older fence of the same release.</summary>
    public static async Task<bool> TakeAsync(
        HistoryDatabase database, HistoryContext context, string resource, Guid releaseId, long fence, DateTimeOffset until, DateTimeOffset now,
        CancellationToken cancellationToken) =>
        await context.Database.ExecuteSqlRawAsync(
            TakeSql, [resource, releaseId, fence, until.ForSql(database), now.ForSql(database)], cancellationToken) == 1;

    /// <summary>That nobody else has had the resource since it was taken: a lock that ran out and is free, or another's, is gone.</summary>
    /// <exception cref="FencedOffException">It is.</exception>
    public static async Task EnsureHeldAsync(
        HistoryDatabase database, HistoryContext context, string resource, Guid releaseId, long fence, CancellationToken cancellationToken)
    {
        var held = database.Locking("SELECT * FROM resource_locks WHERE resource = {0} AND release_id = {1} AND fence = {2}");
        if (await context.ResourceLocks.FromSqlRaw(held, resource, releaseId, fence).AsNoTracking().ToListAsync(cancellationToken) is [])
        {
            throw new FencedOffException(releaseId, fence);
        }
    }

    /// <summary>Takes the repositories of a release, in sorted order so that two takers never wait for each other. After a false the caller must roll back.</summary>
    public static async Task<bool> TakeRepositoriesAsync(
        HistoryDatabase database, HistoryContext context, IEnumerable<ReleaseImage> images, Guid releaseId, long fence, DateTimeOffset until,
        DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var resource in images.Select(image => Repository(image.Image.Repository)).Distinct().Order(StringComparer.Ordinal))
        {
            if (!await TakeAsync(database, context, resource, releaseId, fence, until, now, cancellationToken))
            {
                return false;
            }
        }

        return true;
    }
}
