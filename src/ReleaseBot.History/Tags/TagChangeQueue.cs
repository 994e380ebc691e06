using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A wish that a worker holds, and the fence that every write must carry.</summary>
public sealed record ClaimedChange(TagChange Change, long Fence);

/// <summary>What is to be done about a tag, decided under its lock.</summary>
public abstract record ChangeDecision(string Why)
{
    /// <param name="ReleaseId">Null of what the registry held before us.</param>
    public sealed record Put(Digest Digest, Guid? ReleaseId, string? Version, string Why) : ChangeDecision(Why);

    public sealed record Keep(string Why) : ChangeDecision(Why);

    /// <summary>It can't be done, and will not be tried again.</summary>
    public sealed record Refuse(string Why) : ChangeDecision(Why);

    public sealed record Overtaken(string Why) : ChangeDecision(Why);
}

/// <summary>The wishes that wait for a worker: claimed under a lease, decided under the tag's lock, and written down with what they did.</summary>
public sealed class TagChangeQueue(HistoryDatabase database, HistorySignals signals, SecretMask mask)
{
    // Wishes for one tag are carried out one after another, in the order in which they came.
    private const string ClaimSql =
        $$"""
        SELECT * FROM tag_changes c
         WHERE c.{{HistoryContext.IsPending}} AND c.next_at <= {0} AND (c.lease_until IS NULL OR c.lease_until < {0})
           AND NOT EXISTS (
                 SELECT 1 FROM tag_changes e
                  WHERE e.host = c.host AND e.repository = c.repository AND e.tag = c.tag AND e.id < c.id AND e.{{HistoryContext.IsPending}})
        """;

    public Task<ClaimedChange?> ClaimAsync(TimeSpan lease, CancellationToken cancellationToken) => ClaimAsync(lease, [], cancellationToken);

    /// <summary>Takes the wish that has waited longest, and that none before it is for the same tag.</summary>
    /// <param name="busyHosts">Registries whose wishes are left alone for now.</param>
    public Task<ClaimedChange?> ClaimAsync(TimeSpan lease, IReadOnlyCollection<string> busyHosts, CancellationToken cancellationToken) =>
        database.TakeAsync<ClaimedChange>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var elsewhere = busyHosts.Count == 0 ? "" : $" AND c.host NOT IN ({SqlValues.Holes(1, busyHosts)})";
                var sql = database.Claiming($"{ClaimSql}{elsewhere} ORDER BY c.next_at LIMIT 1", "c");
                var rows = await context.TagChanges.FromSqlRaw(sql, [now.ForSql(database), .. busyHosts]).AsTracking().ToListAsync(token);
                if (rows is not [var change])
                {
                    return null;
                }

                change.Fence++;
                change.LeaseUntil = now + lease;
                await context.SaveChangesAsync(token);
                return new ClaimedChange(change, change.Fence);
            },
            (context, taken, token) => context.TagChanges.AnyAsync(row => row.Id == taken.Change.Id && row.Fence == taken.Fence && row.LeaseUntil != null, token),
            cancellationToken);

    /// <summary>Takes the lock that releases move the tag under; false while another has it.</summary>
    public Task<bool> TryLockAsync(ClaimedChange claimed, TimeSpan lease, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                await HeldAsync(context, claimed, token);
                return await ResourceLocking.TakeAsync(
                    database, context, ResourceLocking.Tag(claimed.Change.Image), claimed.Change.Id, claimed.Fence, now + lease, now, token);
            },
            cancellationToken);

    /// <summary>Keeps a wish held while what it needs takes long.</summary>
    /// <exception cref="FencedOffException">Another has it, or it has ended.</exception>
    public Task RenewAsync(ClaimedChange claimed, TimeSpan lease, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                (await HeldAsync(context, claimed, token)).LeaseUntil = now + lease;
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    public Task UnlockAsync(ClaimedChange claimed, CancellationToken cancellationToken) =>
        database.WriteAsync(
            (context, token) => context.ResourceLocks.Where(held => held.ReleaseId == claimed.Change.Id && held.Fence == claimed.Fence).ExecuteDeleteAsync(token),
            cancellationToken);

    /// <summary>What the wish means now; to be asked under the tag's lock.</summary>
    /// <param name="current">What the registry says that the tag points to.</param>
    /// <param name="registryTags">Every tag that the registry lists in the repository.</param>
    public Task<ChangeDecision> DecideAsync(ClaimedChange claimed, Digest? current, IReadOnlyList<string> registryTags, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var change = claimed.Change;
                var owner = await TagLedger.OwnerAsync(context, change.Image, token);
                return change.Kind switch
                {
                    TagChangeKind.Move => await DecideMoveAsync(context, change, owner, current, token),
                    TagChangeKind.Settle => await DecideSettleAsync(context, change, owner, current, registryTags, token),
                    TagChangeKind.Restore => DecideRestore(change, owner, current),
                    _ => throw new System.Diagnostics.UnreachableException(),
                };
            },
            cancellationToken);

    /// <summary>Where else the image of a put was pushed, by the release that it is of: there it can be had where a registry has lost it.</summary>
    public Task<List<ImageRepository>> HoldersAsync(ChangeDecision.Put put, ImageRepository besides, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var rows = await context.ReleaseImages
                    .Where(image => image.ReleaseId == put.ReleaseId && image.Digest == put.Digest.Value && image.Status == ImageStatus.Pushed)
                    .OrderBy(image => image.Ordinal).Select(image => new { image.Host, image.Repository }).ToListAsync(token);
                return rows.Select(row => new ImageRepository(row.Host, row.Repository)).Distinct().Where(repository => repository != besides).ToList();
            },
            cancellationToken);

    /// <summary>What is about to be put, before it is: see <see cref="OpenPut"/>.</summary>
    public Task IntendAsync(ClaimedChange claimed, ChangeDecision.Put put, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var change = await HeldAsync(context, claimed, token);
                change.Digest = put.Digest.Value;
                if (change.Kind == TagChangeKind.Settle)
                {
                    change.To = put.Version;
                }

                var now = await database.NowAsync(context, token);
                await OpenPuts.OpenAsync(context, database.NewId(now), change.Image, put.Digest, change.Id, claimed.Fence, now, token);
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    /// <summary>Ends a wish, with what became of the tag, in one transaction.</summary>
    /// <param name="from">What the tag pointed to before.</param>
    /// <param name="to">What it points to now.</param>
    public Task FinishAsync(ClaimedChange claimed, ChangeDecision decision, Digest? from, Digest? to, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var change = await HeldAsync(context, claimed, token);
                var put = decision as ChangeDecision.Put;
                if (decision is ChangeDecision.Put or ChangeDecision.Keep)
                {
                    // Decided under the lock. Whoever slept until it was another's does not know what became of the tag since.
                    await ResourceLocking.EnsureHeldAsync(database, context, ResourceLocking.Tag(change.Image), change.Id, claimed.Fence, token);
                }

                context.TagMoves.Add(new TagMove
                {
                    Id = database.NewId(now),
                    Host = change.Host,
                    Repository = change.Repository,
                    Tag = change.Tag,
                    At = now,
                    From = from?.Value,
                    To = to?.Value,
                    ReleaseId = put?.ReleaseId,
                    Version = put?.Version,
                    Verdict = VerdictOf(change, decision, from),
                    Reason = mask.Apply(decision.Why),
                    By = change.By,
                    ChangeId = change.Id,
                });
                if (put is not null && to is not null)
                {
                    await OpenPuts.CloseAsync(context, change.Image, to, wasFound: from == to, change.Id, claimed.Fence, token);
                    await HandAsync(context, change, put, to, now, token);
                }

                change.Status = decision switch
                {
                    ChangeDecision.Put => TagChangeStatus.Done,
                    ChangeDecision.Keep => TagChangeStatus.Kept,
                    ChangeDecision.Overtaken => TagChangeStatus.Overtaken,
                    _ => TagChangeStatus.Failed,
                };
                change.Outcome = mask.Apply(decision.Why);
                change.FinishedAt = now;
                change.LeaseUntil = null;
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    /// <summary>Tries again later: the registry is away, or another moves the tag.</summary>
    public Task PutOffAsync(ClaimedChange claimed, TimeSpan wait, string why, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var change = await HeldAsync(context, claimed, token);
                change.NextAt = now + wait;
                change.Tries++;
                change.LeaseUntil = null;
                change.Outcome = mask.Apply(why);
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    /// <summary>Gives a wish back undecided, with the tag's lock, to be claimed at once by whoever is free: at a shutdown. Without effect on one that another holds.</summary>
    public Task HandBackAsync(ClaimedChange claimed, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var (id, fence) = (claimed.Change.Id, claimed.Fence);
                await context.ResourceLocks.Where(held => held.ReleaseId == id && held.Fence == fence).ExecuteDeleteAsync(token);
                await context.TagChanges.Where(row => row.Id == id && row.Fence == fence)
                    .ExecuteUpdateAsync(row => row.SetProperty(change => change.LeaseUntil, (DateTimeOffset?)null), token);
                await signals.SendWishHandedBackAsync(context, token);
                return id;
            },
            cancellationToken);

    private static async Task<ChangeDecision> DecideMoveAsync(
        HistoryContext context, TagChange change, TagOwner? owner, Digest? current, CancellationToken cancellationToken)
    {
        var later = await context.TagMoves.Of(change.Image).ThatMoved().Where(move => move.Id > change.Id && move.ChangeId == null)
            .OrderByDescending(move => move.Id).FirstOrDefaultAsync(cancellationToken);
        if (later is not null)
        {
            return new ChangeDecision.Overtaken(
                $"a release moved it to {later.Version ?? later.To} after this was asked for, and later releases move a tag forward; ask again if {change.To} is still wanted");
        }

        if (await LastPublished.OfAsync(context, change.Image.Repository, change.To!, cancellationToken) is not { } target)
        {
            return new ChangeDecision.Refuse($"{change.To} is no longer a published version");
        }

        var retraction = await TagWishes.RetractionAsync(context, change.Image.Repository, target, cancellationToken);
        // A worker that was killed may have put it before the retraction, without writing it down. It is written down now, so that the
        // retraction's own wish, which comes after this one, knows the tag and takes it off.
        var wasPut = current == target.Digest && owner?.Digest != target.Digest.Value;
        return retraction is null || wasPut
            ? new ChangeDecision.Put(target.Digest, target.ReleaseId, target.Version, change.Reason)
            : new ChangeDecision.Refuse($"{change.To} was retracted by {retraction.By} meanwhile: {retraction.Reason}");
    }

    private static async Task<ChangeDecision> DecideSettleAsync(
        HistoryContext context, TagChange change, TagOwner? owner, Digest? current, IReadOnlyList<string> registryTags, CancellationToken cancellationToken)
    {
        var known = await KnownVersions.ReadAsync(context, change.Image.Repository, cancellationToken);
        var standsOn = current is null || owner?.Digest == current.Value ? owner : await VersionAtAsync(context, change, current, cancellationToken);
        // A worker that was killed put it, and did not write it down.
        var isUnrecorded = current is not null && change.Digest == current.Value && owner?.Digest != current.Value;
        if (current is not null && owner is not null && standsOn is null && !isUnrecorded)
        {
            return new ChangeDecision.Keep("it does not point to what we put there; whoever moved it past us is not corrected by a retraction");
        }

        var decision = await SettleAsync(context, change, owner, standsOn, current, known, registryTags, cancellationToken);
        if (decision is not ChangeDecision.Keep || !isUnrecorded)
        {
            return decision;
        }

        // It is written down now, or a later wish would not know the tag for ours.
        var version = standsOn?.Version ?? change.To;
        return new ChangeDecision.Put(current!, standsOn?.ReleaseId, version, $"{change.Reason}: {version} was the highest when it was put");
    }

    private static async Task<ChangeDecision> SettleAsync(
        HistoryContext context, TagChange change, TagOwner? owner, TagOwner? standsOn, Digest? current, KnownVersions known, IReadOnlyList<string> registryTags,
        CancellationToken cancellationToken)
    {
        var scope = TagScope.Parse(change.Scope);
        var isOnRetracted = standsOn is not null && await IsRetractedAsync(context, standsOn, known, cancellationToken);
        if (!isOnRetracted && owner is not null && await WasMovedByOperatorAsync(context, change, cancellationToken))
        {
            return new ChangeDecision.Keep("an operator put it where it is, on a version that still counts");
        }

        // Strangers' versions hold a tag back, but no tag is put on an image that is not ours.
        if (FloatingTags.Highest(scope, known.Reckon([], owner?.Version)) is not { Version: var highest })
        {
            return new ChangeDecision.Keep($"no other stable version is published among {scope}");
        }

        // A tag that may stay where it is goes forward only, as releases move it; one that may not has to go somewhere.
        if (!isOnRetracted && FloatingTags.Decide(highest, scope, known.Reckon(registryTags, owner?.Version)) is FloatingVerdict.Keep held)
        {
            return new ChangeDecision.Keep(held.Why);
        }

        var why = $"{change.Reason}: {highest} is the highest stable version of ours that is left among {scope}";
        var (digest, releaseId) = known.Published.FirstOrDefault(tag => tag.Version == highest) is { } published
            ? (published.Digest, published.ReleaseId)
            : (Digest.Parse(owner!.Digest!), owner.ReleaseId);
        return current == digest && owner?.Digest == digest.Value
            ? new ChangeDecision.Keep($"it points to {highest} already")
            : new ChangeDecision.Put(digest, releaseId, highest.ToString(), why);
    }

    private static ChangeDecision DecideRestore(TagChange change, TagOwner? owner, Digest? current)
    {
        if (owner is not { Digest: { } digest } || digest != change.Digest || owner is { Kind: ImageTagKind.Version, IsPublished: false })
        {
            return new ChangeDecision.Overtaken("a release has published this tag anew");
        }

        if (owner.Kind != ImageTagKind.Version && current?.Value != digest && current?.Value != owner.DriftDigest)
        {
            return new ChangeDecision.Overtaken("somebody has moved it again since, and that is not ours to put back");
        }

        return current?.Value == digest
            ? new ChangeDecision.Keep("it points to what was published again")
            : new ChangeDecision.Put(Digest.Parse(digest), owner.ReleaseId, owner.Version, change.Reason);
    }

    /// <summary>The version of ours that has a digest. A tag may point to one that was never written down for it, by a worker that was killed.</summary>
    private static Task<TagOwner?> VersionAtAsync(HistoryContext context, TagChange change, Digest digest, CancellationToken cancellationToken) =>
        context.TagOwners.FirstOrDefaultAsync(
            owner => owner.Host == change.Host && owner.Repository == change.Repository && owner.Kind == ImageTagKind.Version && owner.Digest == digest.Value,
            cancellationToken);

    private static async Task<bool> IsRetractedAsync(HistoryContext context, TagOwner owner, KnownVersions known, CancellationToken cancellationToken) =>
        SemanticVersion.TryParse(owner.Version, out var version) && known.IsRetracted(version)
        || owner.ReleaseId is { } id && await context.Releases.AnyAsync(release => release.Id == id && release.RetractedAt != null, cancellationToken);

    private static async Task<bool> WasMovedByOperatorAsync(HistoryContext context, TagChange change, CancellationToken cancellationToken)
    {
        var last = await context.TagMoves.Of(change.Image).ThatMoved()
            .OrderByDescending(move => move.Id).Select(move => move.ChangeId).FirstOrDefaultAsync(cancellationToken);
        return last is { } id && await context.TagChanges.AnyAsync(row => row.Id == id && row.Kind == TagChangeKind.Move, cancellationToken);
    }

    private static TagVerdict VerdictOf(TagChange change, ChangeDecision decision, Digest? from) => (decision, change.Kind) switch
    {
        (ChangeDecision.Keep, _) => TagVerdict.Kept,
        (not ChangeDecision.Put, _) => TagVerdict.Refused,
        (_, TagChangeKind.Restore) => TagVerdict.Restored,
        _ => from is null ? TagVerdict.Created : TagVerdict.Moved,
    };

    private static async Task HandAsync(
        HistoryContext context, TagChange change, ChangeDecision.Put put, Digest to, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var owner = await TagLedger.OwnerAsync(context, change.Image, cancellationToken);
        if (change.Kind == TagChangeKind.Restore)
        {
            if (owner is not null)
            {
                (owner.SeenAt, owner.SeenDigest) = (now, to.Value);
                owner.DriftAt = null;
                owner.DriftDigest = null;
            }

            return;
        }

        if (owner is null)
        {
            var repository = await context.RepositoryOwners.SingleAsync(row => row.Host == change.Host && row.Repository == change.Repository, cancellationToken);
            owner = new TagOwner
            {
                Host = change.Host,
                Repository = change.Repository,
                Tag = change.Tag,
                Kind = ImageTagKind.Floating,
                ProjectId = repository.ProjectId,
                Ref = "",
            };
            context.TagOwners.Add(owner);
        }

        var release = put.ReleaseId is { } id ? await context.Releases.SingleAsync(row => row.Id == id, cancellationToken) : null;
        owner.ProjectId = release?.ProjectId ?? owner.ProjectId;
        owner.Ref = release?.Ref.FullName ?? owner.Ref;
        owner.ReleaseId = release?.Id;
        owner.Version = put.Version;
        owner.Digest = to.Value;
        owner.IsPublished = true;
        owner.UpdatedAt = now;
        (owner.SeenAt, owner.SeenDigest) = (now, to.Value);
        owner.NextCheckAt = now + await OpenPuts.FirstLookAsync(context, change.Image, cancellationToken);
        owner.DriftAt = null;
        owner.DriftDigest = null;
    }

    private async Task<TagChange> HeldAsync(HistoryContext context, ClaimedChange claimed, CancellationToken cancellationToken)
    {
        var held = database.Locking($"SELECT * FROM tag_changes WHERE id = {{0}} AND fence = {{1}} AND {HistoryContext.IsPending}");
        var rows = await context.TagChanges.FromSqlRaw(held, claimed.Change.Id, claimed.Fence).AsTracking().ToListAsync(cancellationToken);
        return rows is [var change] ? change : throw new FencedOffException(claimed.Change.Id, claimed.Fence);
    }
}
