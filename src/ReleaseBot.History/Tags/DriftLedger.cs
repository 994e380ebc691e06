using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A tag that the registry is to be asked about.</summary>
/// <param name="Digest">What it was put on.</param>
/// <param name="ReleaseId">Null where it was once settled on a version that the registry held before us.</param>
public sealed record DueCheck(ImageRef Image, ImageTagKind Kind, Digest Digest, Guid? ReleaseId, string ProjectPath);

/// <summary>
/// Compares what registries say of published version tags, and of all floating and branch tags, with what was recorded. The newest tags, and those that a floating tag points to, are
/// asked about most often; the waits grow with a tag's age.
/// </summary>
public sealed class DriftLedger(HistoryDatabase database)
{
    /// <summary>How it is called in the history.</summary>
    public const string Name = "drift check";

    internal static readonly TimeSpan FirstCheck = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(7);
    private static readonly TimeSpan LongestWaitOfFloating = TimeSpan.FromHours(1);

    /// <summary>Within it the checks of a claim are made; after it they are another worker's.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    /// <summary>
    /// What is found within it of one release is one message: a registry that lost a hundred tags is not a hundred messages, and what is found a week
    /// later is told then.
    /// </summary>
    internal static readonly TimeSpan Gathering = TimeSpan.FromSeconds(15);

    private const string GatheringSql =
        """
        SELECT * FROM outbox_messages
         WHERE release_id = {0} AND channel = {1} AND drift IS NOT NULL AND delivered_at IS NULL AND dead_at IS NULL AND lease_until IS NULL AND tries = 0 AND next_at > {2}
         ORDER BY id LIMIT 1
        """;

    private const string IsUnderFloating =
        """
        EXISTS (SELECT 1 FROM tag_owners f WHERE f.release_id = o.release_id AND f.kind = 'floating' AND f.host = o.host AND f.repository = o.repository)
        """;

    private const string NewestDue =
        $$"""
        SELECT o.* FROM tag_owners o WHERE o.{{HistoryContext.IsChecked}} AND o.digest IS NOT NULL AND o.next_check_at <= {0}
         ORDER BY {{IsUnderFloating}} DESC, o.updated_at DESC LIMIT {1}
        """;

    private const string LongestDue =
        $$"""
        SELECT o.* FROM tag_owners o WHERE o.{{HistoryContext.IsChecked}} AND o.digest IS NOT NULL AND o.next_check_at <= {0} ORDER BY o.next_check_at LIMIT {1}
        """;

    /// <summary>Takes the tags that are due: most of them the newest, the rest those that have waited longest, so that none waits for ever.</summary>
    public Task<IReadOnlyList<DueCheck>> ClaimAsync(int limit, CancellationToken cancellationToken) =>
        database.WriteAsync<IReadOnlyList<DueCheck>>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var due = await TakeAsync(context, NewestDue, limit - limit / 4, now, token);
                due.AddRange(await TakeAsync(context, LongestDue, limit - due.Count, now, token));
                var ids = due.Select(owner => owner.ReleaseId).Distinct().ToList();
                var paths = await context.Releases.Where(release => ids.Contains(release.Id)).Select(release => new { release.Id, release.ProjectPath })
                    .ToDictionaryAsync(release => release.Id, release => release.ProjectPath, token);
                var projects = due.Where(owner => owner.ReleaseId is null).Select(owner => owner.ProjectId).Distinct().ToList();
                var pathsOfProjects = await context.Projects.Where(project => projects.Contains(project.Id))
                    .ToDictionaryAsync(project => project.Id, project => project.Path, token);
                return due.ConvertAll(owner => new DueCheck(
                    new ImageRef(new ImageRepository(owner.Host, owner.Repository), owner.Tag), owner.Kind, Digest.Parse(owner.Digest!), owner.ReleaseId,
                    owner.ReleaseId is { } release ? paths[release] : pathsOfProjects.GetValueOrDefault(owner.ProjectId, "")));
            },
            cancellationToken);

    /// <summary>Whether an image is one of ours for this tag: built by an attempt of a release that publishes it, or pushed there by one.</summary>
    /// <param name="imageId">The config digest; null where the manifest names none.</param>
    public Task<bool> IsOursAsync(ImageRef image, Digest digest, string? imageId, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                if ((await LastPublished.OfAsync(context, image.Repository, image.Tag, token))?.Digest == digest)
                {
                    // A release that failed half-way has replaced it, and whoever puts back what was published is no straggler.
                    return false;
                }

                var reference = image.ToString();
                return imageId is not null && await context.ReleaseBuilds.AnyAsync(
                        build => build.ImageId == imageId
                            && context.ReleaseImages.Any(row => row.ReleaseId == build.ReleaseId && row.Reference == reference), token)
                    || await context.TagMoves.Of(image).AnyAsync(
                        move => move.To == digest.Value && move.ReleaseId != null && move.ChangeId == null && move.Verdict != TagVerdict.Drifted, token);
            },
            cancellationToken);

    /// <summary>Whether a floating or branch tag stands on what a put of ours was begun for that nobody accounted for: a straggler's, which came late.</summary>
    public Task<bool> IsLatePutAsync(ImageRef image, Digest digest, CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => context.OpenPuts.Of(image).AnyAsync(put => put.Digest == digest.Value, token), cancellationToken);

    /// <summary>The registry holds what was published. Returns whether it did not before.</summary>
    public Task<bool> AgreeAsync(DueCheck check, CancellationToken cancellationToken) =>
        ChangeAsync(check, async (context, owner, now, token) =>
        {
            Saw(owner, check.Digest, now);
            var hadDrifted = owner.DriftAt is not null;
            if (hadDrifted)
            {
                var was = owner.DriftDigest is null ? null : Digest.Parse(owner.DriftDigest);
                context.TagMoves.Add(Found(owner, was, check.Digest, TagVerdict.Agreed, "the registry says again what was put there; nobody of ours put it back", now));
            }

            owner.DriftAt = null;
            owner.DriftDigest = null;
            await LookAgainAsync(context, owner, null, now, token);
            return hadDrifted;
        }, cancellationToken);

    /// <summary>The registry was away: asked again soon.</summary>
    public Task PutOffAsync(DueCheck check, TimeSpan wait, CancellationToken cancellationToken) =>
        ChangeAsync(check, (_, owner, now, _) =>
        {
            owner.NextCheckAt = now + wait;
            return Task.FromResult(false);
        }, cancellationToken);

    /// <summary>
    /// The registry says something else, or nothing. Written down and told once for each thing that it says. A tag that a release or
    /// an operator is about to move is left alone, for the move is made before it is written down.
    /// </summary>
    /// <param name="isRestored">A worker is to put the tag back: at once, and again at later looks as long as the registry says the same.</param>
    /// <param name="tellings">Those who hear of failures are told.</param>
    /// <returns>Whether this was news.</returns>
    public Task<bool> DriftAsync(DueCheck check, Digest? seen, bool isRestored, string why, IReadOnlyList<NotifyRule> tellings, CancellationToken cancellationToken) =>
        ChangeAsync(check, async (context, owner, now, token) =>
        {
            Saw(owner, seen, now);
            var found = owner.DriftAt is { } before && owner.DriftDigest == seen?.Value ? before : (DateTimeOffset?)null;
            var last = found is { } since ? await LastTryAsync(context, check.Image, since, token) : null;
            // A straggler's put is evidence once. That the registry refused to have it put back then takes nothing from it.
            var wish = isRestored ? why : check.Kind != ImageTagKind.Version && last?.Status == TagChangeStatus.Failed ? last.Reason : null;
            await LookAgainAsync(context, owner, wish is null ? null : now - (found ?? now), now, token);
            // Each try is a row for ever: a registry that refuses for a year gets some hundred and fifty, not one an hour.
            var isTried = wish is not null && (last is null || now >= last.CreatedAt + Grown(last.CreatedAt - found!.Value, LongestWait));
            if (found is not null && !isTried
                || await (isTried && check.Kind != ImageTagKind.Version
                    ? IsLeftAloneAsync(context, check.Image, seen, now, token)
                    : IsMovingAsync(context, check, token)))
            {
                return false;
            }

            if (await context.TagOwners.AnyAsync(
                row => row.Host == owner.Host && row.Repository == owner.Repository && row.Tag == owner.Tag && row.Digest != check.Digest.Value, token))
            {
                // Whoever moved the tag wrote it down between our look at the history and the look for a mover.
                return false;
            }

            if (isTried)
            {
                context.TagChanges.Add(TagWishes.Change(database.NewId(now), check.Image, TagChangeKind.Restore, Name, wish!, now, owner.Tag, owner.Digest));
            }

            if (isRestored)
            {
                await AccountForAsync(context, check, seen, token);
            }

            if (found is not null)
            {
                return false;
            }

            (owner.DriftAt, owner.DriftDigest) = (now, seen?.Value);
            context.TagMoves.Add(Found(owner, check.Digest, seen, TagVerdict.Drifted, why, now));
            await TellAsync(context, owner, why, tellings, now, token);
            return true;
        }, cancellationToken);

    /// <summary>
    /// Has the version tags that are known to have drifted looked at at once: they are to be put back now, and were not when they were found.
    /// </summary>
    /// <returns>How many there are.</returns>
    public Task<int> HastenAsync(CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                return await context.TagOwners
                    .Where(owner => owner.NextCheckAt > now && owner.DriftAt != null && owner.Kind == ImageTagKind.Version)
                    .ExecuteUpdateAsync(owner => owner.SetProperty(row => row.NextCheckAt, (DateTimeOffset?)now), token);
            },
            cancellationToken);

    /// <summary>The last wish to put a tag back since it was found where it is.</summary>
    private static Task<TagChange?> LastTryAsync(HistoryContext context, ImageRef image, DateTimeOffset found, CancellationToken cancellationToken) =>
        context.TagChanges.Of(image).Where(change => change.Kind == TagChangeKind.Restore && change.CreatedAt >= found)
            .OrderByDescending(change => change.Id).FirstOrDefaultAsync(cancellationToken);

    /// <summary>
    /// A release that has put the tag, or left it, does so once: while it waits for another registry, what is found is somebody else's. A branch tag is
    /// about to be moved for as long as a release of it is under way, and what an earlier one put may be in the registry though nobody wrote it down.
    /// </summary>
    private static async Task<bool> IsMovingAsync(HistoryContext context, DueCheck check, CancellationToken cancellationToken)
    {
        var reference = check.Image.ToString();
        var isBranch = check.Kind == ImageTagKind.Branch;
        return await context.ReleaseImages.AnyAsync(
                row => row.Reference == reference && row.Status != ImageStatus.Pushed && row.Status != ImageStatus.Kept
                    && context.Releases.Any(release => release.Id == row.ReleaseId
                        && (isBranch ? release.FinishedAt == null : release.Status == ReleaseStatus.Pushing)), cancellationToken)
            || await context.TagChanges.Of(check.Image).AnyAsync(change => change.Status == TagChangeStatus.Pending, cancellationToken);
    }

    /// <summary>
    /// A late put need not wait for every release of the tag, one of which may wait for another registry for a day: only for whoever moves the tag at this
    /// moment, and for the one whose put it is, as long as that may still write it down.
    /// </summary>
    private static async Task<bool> IsLeftAloneAsync(HistoryContext context, ImageRef image, Digest? seen, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var digest = seen?.Value;
        var puts = context.OpenPuts.Of(image).Where(put => put.Digest == digest);
        var resource = ResourceLocking.Tag(image);
        return await context.ResourceLocks.AnyAsync(held => held.Resource == resource && held.Until >= now, cancellationToken)
            || await context.TagChanges.Of(image).AnyAsync(change => change.Status == TagChangeStatus.Pending, cancellationToken)
            || await puts.AnyAsync(put => context.Releases.Any(release => release.Id == put.HolderId && release.Status == ReleaseStatus.Pushing), cancellationToken);
    }

    private async Task TellAsync(
        HistoryContext context, TagOwner owner, string why, IReadOnlyList<NotifyRule> tellings, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var channels = tellings.Where(telling => telling.On.Contains(Outcome.Failed)).Select(telling => telling.Channel).Distinct(StringComparer.Ordinal).ToList();
        if (channels.Count == 0)
        {
            return;
        }

        // A message is about a release: where the tag was settled on what is nobody's, about the last one that wished to move it.
        var reference = new ImageRef(new ImageRepository(owner.Host, owner.Repository), owner.Tag).ToString();
        var id = owner.ReleaseId
            ?? await context.ReleaseImages.Where(row => row.Reference == reference).OrderByDescending(row => row.ReleaseId)
                .Select(row => (Guid?)row.ReleaseId).FirstOrDefaultAsync(cancellationToken)
            ?? throw new InvalidOperationException($"{reference} is a tag that no release ever planned.");
        // Locked: of two workers that find something of a release at the same moment, the second must see the first one's message.
        var release = await database.LockedAsync(context, id, cancellationToken) ?? throw new InvalidOperationException($"Release {id} owns a tag and is not there.");
        foreach (var channel in channels)
        {
            var gathering = await context.OutboxMessages
                .FromSqlRaw(database.Locking(GatheringSql), release.Id, channel, now.ForSql(database)).AsTracking().ToListAsync(cancellationToken);
            if (gathering is [var message])
            {
                message.MoreDrift++;
            }
            else
            {
                context.OutboxMessages.Add(OutboxMessage.Of(release, channel, Outcome.Failed, now, why, Gathering));
            }
        }
    }

    /// <summary>A put comes to pass once: what is put back next is somebody else's.</summary>
    private static async Task AccountForAsync(HistoryContext context, DueCheck check, Digest? seen, CancellationToken cancellationToken)
    {
        if (seen is not null
            && await context.OpenPuts.Of(check.Image).AsTracking().Where(put => put.Digest == seen.Value).OrderBy(put => put.Id).FirstOrDefaultAsync(cancellationToken) is { } late)
        {
            context.OpenPuts.Remove(late);
        }
    }

    /// <param name="drift">How long a drift that is to be put right is known; the next try comes with the next look. Null where nothing is tried.</param>
    private static async Task LookAgainAsync(HistoryContext context, TagOwner owner, TimeSpan? drift, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var image = new ImageRef(new ImageRepository(owner.Host, owner.Repository), owner.Tag);
        if (await context.OpenPuts.Of(image).AnyAsync(cancellationToken))
        {
            owner.NextCheckAt = now + OpenPuts.Look;
            return;
        }

        var isUnderFloating = await context.TagOwners.AnyAsync(
            row => row.ReleaseId == owner.ReleaseId && row.Kind == ImageTagKind.Floating && row.Host == owner.Host && row.Repository == owner.Repository, cancellationToken);
        owner.NextCheckAt = now + (drift is { } age
            ? Grown(age, LongestWait)
            : Grown(now - owner.UpdatedAt, isUnderFloating ? LongestWaitOfFloating : LongestWait));
    }

    /// <summary>A tenth of an age: what is old is looked at seldom, what is new often.</summary>
    private static TimeSpan Grown(TimeSpan age, TimeSpan cap)
    {
        var grown = age / 10;
        return grown < FirstCheck ? FirstCheck : grown > cap ? cap : grown;
    }

    private static void Saw(TagOwner owner, Digest? seen, DateTimeOffset now) => (owner.SeenAt, owner.SeenDigest) = (now, seen?.Value);

    private TagMove Found(TagOwner owner, Digest? from, Digest? to, TagVerdict verdict, string why, DateTimeOffset now) => new()
    {
        Id = database.NewId(now),
        Host = owner.Host,
        Repository = owner.Repository,
        Tag = owner.Tag,
        At = now,
        From = from?.Value,
        To = to?.Value,
        ReleaseId = owner.ReleaseId,
        Version = owner.Version,
        Verdict = verdict,
        Reason = why,
        By = Name,
    };

    private async Task<List<TagOwner>> TakeAsync(HistoryContext context, string sql, int limit, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var due = await context.TagOwners.FromSqlRaw(database.Claiming(sql, "o"), now.ForSql(database), limit).AsTracking().ToListAsync(cancellationToken);
        due.ForEach(owner => owner.NextCheckAt = now + Lease);
        await context.SaveChangesAsync(cancellationToken);
        return due;
    }

    /// <summary>Changes the row if it still says what was checked; a release may have published the tag anew.</summary>
    private Task<bool> ChangeAsync(
        DueCheck check, Func<HistoryContext, TagOwner, DateTimeOffset, CancellationToken, Task<bool>> change, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var owner = await TagLedger.OwnerAsync(context, check.Image, token);
                if (owner is null or { Kind: ImageTagKind.Version, IsPublished: false } || owner.Digest != check.Digest.Value || owner.ReleaseId != check.ReleaseId)
                {
                    return false;
                }

                var result = await change(context, owner, now, token);
                await context.SaveChangesAsync(token);
                return result;
            },
            cancellationToken);
}
