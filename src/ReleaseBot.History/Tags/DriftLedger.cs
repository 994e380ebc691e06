using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A version or floating tag that the registry is to be asked about.</summary>
/// <param name="Digest">What it was put on.</param>
public sealed record DueCheck(ImageRef Image, ImageTagKind Kind, Digest Digest, Guid ReleaseId, string ProjectPath);

/// <summary>
/// Compares what registries say of published version and floating tags with what was recorded. The newest tags, and those that a floating tag points to, are
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

    private const string IsUnderFloating =
        """
        EXISTS (SELECT 1 FROM tag_owners f WHERE f.release_id = o.release_id AND f.kind = 'floating' AND f.host = o.host AND f.repository = o.repository)
        """;

    private const string NewestDue =
        $$"""
        SELECT o.* FROM tag_owners o WHERE o.{{HistoryContext.IsChecked}} AND o.next_check_at <= {0}
         ORDER BY {{IsUnderFloating}} DESC, o.updated_at DESC LIMIT {1}
        """;

    private const string LongestDue =
        $$"""
        SELECT o.* FROM tag_owners o WHERE o.{{HistoryContext.IsChecked}} AND o.next_check_at <= {0} ORDER BY o.next_check_at LIMIT {1}
        """;

    /// <summary>Takes the tags that are due: most of them the newest, the rest those that have waited longest, so that none waits for ever.</summary>
    public Task<IReadOnlyList<DueCheck>> ClaimAsync(int limit, CancellationToken cancellationToken) =>
        database.WriteAsync<IReadOnlyList<DueCheck>>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var due = await TakeAsync(context, NewestDue, limit - limit / 4, now, token);
                due.AddRange(await TakeAsync(context, LongestDue, limit - due.Count, now, token));
                var ids = due.Select(owner => owner.ReleaseId!.Value).Distinct().ToList();
                var paths = await context.Releases.Where(release => ids.Contains(release.Id)).Select(release => new { release.Id, release.ProjectPath })
                    .ToDictionaryAsync(release => release.Id, release => release.ProjectPath, token);
                return due.ConvertAll(owner => new DueCheck(
                    new ImageRef(new ImageRepository(owner.Host, owner.Repository), owner.Tag), owner.Kind, Digest.Parse(owner.Digest!), owner.ReleaseId!.Value,
                    paths[owner.ReleaseId.Value]));
            },
            cancellationToken);

    /// <summary>Whether an image is one of ours for this tag: built by an attempt of a release that publishes it, or pushed there by one.</summary>
    /// <param name="imageId">The config digest; null where the manifest names none.</param>
    public Task<bool> IsOursAsync(ImageRef image, Digest digest, string? imageId, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var reference = image.ToString();
                return imageId is not null && await context.ReleaseBuilds.AnyAsync(
                        build => build.ImageId == imageId
                            && context.ReleaseImages.Any(row => row.ReleaseId == build.ReleaseId && row.Reference == reference), token)
                    || await context.TagMoves.Of(image).AnyAsync(
                        move => move.To == digest.Value && move.ReleaseId != null && move.ChangeId == null && move.Verdict != TagVerdict.Drifted, token);
            },
            cancellationToken);

    /// <summary>The registry holds what was published. Returns whether it did not before.</summary>
    public Task<bool> AgreeAsync(DueCheck check, CancellationToken cancellationToken) =>
        ChangeAsync(check, async (context, owner, now, token) =>
        {
            var hadDrifted = owner.DriftAt is not null;
            owner.DriftAt = null;
            owner.DriftDigest = null;
            owner.NextCheckAt = now + await WaitAsync(context, owner, now, token);
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
    /// <param name="isRestored">A worker is to put the tag back.</param>
    /// <param name="tellings">Those who hear of failures are told.</param>
    /// <returns>Whether this was news.</returns>
    public Task<bool> DriftAsync(DueCheck check, Digest? seen, bool isRestored, string why, IReadOnlyList<NotifyRule> tellings, CancellationToken cancellationToken) =>
        ChangeAsync(check, async (context, owner, now, token) =>
        {
            owner.NextCheckAt = now + await WaitAsync(context, owner, now, token);
            if (owner.DriftAt is not null && owner.DriftDigest == seen?.Value || await IsMovingAsync(context, check.Image, token))
            {
                return false;
            }

            (owner.DriftAt, owner.DriftDigest) = (now, seen?.Value);
            context.TagMoves.Add(Move(owner, seen, why, now));
            if (isRestored)
            {
                context.TagChanges.Add(TagWishes.Change(database.NewId(now), check.Image, TagChangeKind.Restore, Name, why, now, owner.Tag, owner.Digest));
            }

            await TellAsync(context, owner, why, tellings, now, token);
            return true;
        }, cancellationToken);

    private static async Task<bool> IsMovingAsync(HistoryContext context, ImageRef image, CancellationToken cancellationToken)
    {
        var reference = image.ToString();
        return await context.ReleaseImages.AnyAsync(
                row => row.Reference == reference
                    && context.Releases.Any(release => release.Id == row.ReleaseId && release.Status == ReleaseStatus.Pushing), cancellationToken)
            || await context.TagChanges.Of(image).AnyAsync(change => change.Status == TagChangeStatus.Pending, cancellationToken);
    }

    private static async Task TellAsync(
        HistoryContext context, TagOwner owner, string why, IReadOnlyList<NotifyRule> tellings, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var release = await context.Releases.AsNoTracking().SingleAsync(row => row.Id == owner.ReleaseId, cancellationToken);
        foreach (var channel in tellings.Where(telling => telling.On.Contains(Outcome.Failed)).Select(telling => telling.Channel).Distinct(StringComparer.Ordinal))
        {
            // One message a release and channel: a registry that lost a hundred tags is not a hundred messages.
            if (!await context.OutboxMessages.AnyAsync(
                message => message.ReleaseId == release.Id && message.Channel == channel && message.Attempt == release.Attempt && message.Outcome == Outcome.Failed, cancellationToken))
            {
                context.OutboxMessages.Add(OutboxMessage.Of(release, channel, Outcome.Failed, now, why));
            }
        }
    }

    private static async Task<TimeSpan> WaitAsync(HistoryContext context, TagOwner owner, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var isUnderFloating = await context.TagOwners.AnyAsync(
            row => row.ReleaseId == owner.ReleaseId && row.Kind == ImageTagKind.Floating && row.Host == owner.Host && row.Repository == owner.Repository, cancellationToken);
        var cap = isUnderFloating ? LongestWaitOfFloating : LongestWait;
        var grown = (now - owner.UpdatedAt) / 10;
        return grown < FirstCheck ? FirstCheck : grown > cap ? cap : grown;
    }

    private TagMove Move(TagOwner owner, Digest? seen, string why, DateTimeOffset now) => new()
    {
        Id = database.NewId(now),
        Host = owner.Host,
        Repository = owner.Repository,
        Tag = owner.Tag,
        At = now,
        From = owner.Digest,
        To = seen?.Value,
        ReleaseId = owner.ReleaseId,
        Version = owner.Version,
        Verdict = TagVerdict.Drifted,
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
                if (owner is not { IsPublished: true } || owner.Digest != check.Digest.Value || owner.ReleaseId != check.ReleaseId)
                {
                    return false;
                }

                var result = await change(context, owner, now, token);
                await context.SaveChangesAsync(token);
                return result;
            },
            cancellationToken);
}
