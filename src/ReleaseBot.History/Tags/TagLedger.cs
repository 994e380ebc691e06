using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <param name="Digest">Null where the tag was gone.</param>
public sealed record RegistryLook(DateTimeOffset At, string? Digest)
{
    public static RegistryLook? Of(TagOwner? owner) => owner is { SeenAt: { } at } ? new RegistryLook(at, owner.SeenDigest) : null;
}

/// <summary>What a tag points to by our own deed, and who else stands in the way. See <see cref="TagLedger.StandingAsync"/>.</summary>
/// <param name="Commit">Of the owning release.</param>
/// <param name="ImageIds">
/// Where the owner is not published, the config digests of all images that it, or an earlier release of the name that never was published either, has built: an
/// answer to a put may be lost.
/// </param>
public sealed record TagStanding(
    long ProjectId, string Ref, Guid? ReleaseId, Digest? Digest, string? Version, bool IsPublished, string? Commit, IReadOnlyCollection<string> ImageIds)
{
    /// <summary>Whom an operator lets take the tag; null where nobody may.</summary>
    public (long ProjectId, string Ref)? HandedTo { get; init; }

    /// <summary>What a worker last saw in the registry, and when; null where none has looked.</summary>
    public RegistryLook? Seen { get; init; }

    public bool IsHandedTo(Release release) => HandedTo is { } heir && heir == (release.ProjectId, release.Ref.FullName);

    /// <summary>A branch that comes back to a commit moves its own tags alone; those of the commit stay as they are.</summary>
    public bool IsOfSameCommit(Release release) =>
        release.RefKind == RefKind.Branch && Commit == release.Commit && ProjectId == release.ProjectId && Ref == release.Ref.FullName;
}

/// <summary>Owners of tags and repositories, and every move of a tag.</summary>
public sealed class TagLedger(HistoryDatabase database)
{
    /// <summary>Takes the names of a release before its first push. Whoever published a name first keeps it.</summary>
    /// <returns>The first image that the release may not have, and why; null if it has them all.</returns>
    public Task<(ReleaseImage Image, Reason Reason)?> ReserveAsync(ClaimedRun run, OverwritePolicy overwrite, CancellationToken cancellationToken) =>
        database.WriteAsync<(ReleaseImage Image, Reason Reason)?>(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, run.Release.Id, run.Fence, token);
                var images = await context.ReleaseImages.AsNoTracking().Where(image => image.ReleaseId == release.Id)
                    .OrderBy(image => image.Ordinal).ToListAsync(token);
                if (await TagConflicts.FindAsync(context, release, images, overwrite, token) is { } conflict)
                {
                    return conflict;
                }

                foreach (var repository in images.Select(image => (image.Host, image.Repository)).Distinct())
                {
                    await TakeRepositoryAsync(context, release, repository, now, token);
                }

                foreach (var image in images.Where(image => image.Kind != ImageTagKind.Floating))
                {
                    var owner = await OwnerAsync(context, image.Image, token);
                    if (owner is null)
                    {
                        context.TagOwners.Add(NewOwner(release, image, now));
                    }
                    else if (!owner.IsPublished)
                    {
                        // What another has put there is not this release's.
                        owner.Digest = owner.ReleaseId == release.Id ? owner.Digest : null;
                        Hand(owner, release, image, now);
                    }
                }

                await context.SaveChangesAsync(token);
                return null;
            },
            cancellationToken);

    /// <summary>
    /// A branch that left a commit and came back to it has two releases of that commit. Once the later one pushes, the earlier one, which waited for a registry
    /// maybe, has nothing to do any more.
    /// </summary>
    /// <returns>The later one; null where there is none.</returns>
    public async Task<Guid?> FindNewerAsync(ClaimedRun run, CancellationToken cancellationToken)
    {
        var release = run.Release;
        if (release.RefKind != RefKind.Branch)
        {
            return null;
        }

        return await database.ReadAsync(
            (context, token) => context.Releases
                .Where(row => row.ProjectId == release.ProjectId && row.RefName == release.RefName && row.RefKind == RefKind.Branch && row.Target == release.Target && row.Id > release.Id
                    && (row.Status == ReleaseStatus.Pushing || row.Status == ReleaseStatus.Published))
                .OrderByDescending(row => row.Id).Select(row => (Guid?)row.Id).FirstOrDefaultAsync(token),
            cancellationToken);
    }

    /// <summary>A push of ours to a version tag is about to begin: what the registry holds under the name from now on may be ours, whatever becomes of the push.</summary>
    /// <exception cref="CancelRequestedException">Nothing is to be pushed any more.</exception>
    public Task BeginPushAsync(ClaimedRun run, ReleaseImage image, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                await database.GoingOnAsync(context, run.Release.Id, run.Fence, token);
                if (await OwnerAsync(context, image.Image, token) is { } owner)
                {
                    owner.PushBegunAt ??= now;
                }

                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    /// <summary>Who a tag belongs to by history; null where history knows nothing of it.</summary>
    public Task<TagStanding?> StandingAsync(ImageRef image, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                if (await OwnerAsync(context, image, token) is not { } owner)
                {
                    return null;
                }

                var commit = await context.Releases.Where(release => release.Id == owner.ReleaseId).Select(release => release.Commit).SingleOrDefaultAsync(token);
                var imageIds = owner.IsPublished ? [] : await NeverPublishedAsync(context, image, token);
                return new TagStanding(owner.ProjectId, owner.Ref, owner.ReleaseId, owner.Digest is null ? null : Digest.Parse(owner.Digest),
                    owner.Version, owner.IsPublished, commit, imageIds)
                {
                    Seen = RegistryLook.Of(owner),
                    HandedTo = owner is { HandedToProjectId: { } heir, HandedToRef: { } heirRef } ? (heir, heirRef) : null,
                };
            },
            cancellationToken);

    public Task<KnownVersions> KnownVersionsAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => KnownVersions.ReadAsync(context, repository, token), cancellationToken);

    /// <summary>Whether a floating tag moves to a release's image; to be asked under the tag's lock, since it may change at any time.</summary>
    /// <param name="registryTags">Every tag that the registry lists in the repository.</param>
    public Task<FloatingVerdict> DecideAsync(
        ClaimedRun run, ReleaseImage image, SemanticVersion? version, IEnumerable<string> registryTags, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var known = await KnownVersions.ReadAsync(context, image.Image.Repository, token);
                if (version is not null && known.IsRetracted(version)
                    || await context.Releases.AnyAsync(release => release.Id == run.Release.Id && release.RetractedAt != null, token))
                {
                    return new FloatingVerdict.Keep(ReasonCode.Retracted, $"{version?.ToString() ?? run.Release.RefName} was retracted by an operator, so it moves no floating tag");
                }

                var standing = (await OwnerAsync(context, image.Image, token))?.Version;
                return FloatingTags.Decide(version, image.FloatingScope, known.Reckon(registryTags, standing));
            },
            cancellationToken);

    /// <summary>Takes the lock of one tag while its move is decided and made; false while somebody else has it.</summary>
    public Task<bool> TryLockAsync(ClaimedRun run, ImageRef image, TimeSpan lease, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                await database.HeldAsync(context, run.Release.Id, run.Fence, token);
                return await ResourceLocking.TakeAsync(
                    database, context, ResourceLocking.Tag(image), run.Release.Id, run.Fence, now + lease, now, token);
            },
            cancellationToken);

    public Task UnlockAsync(ClaimedRun run, ImageRef image, CancellationToken cancellationToken) =>
        database.WriteAsync(
            (context, token) => context.ResourceLocks
                .Where(held => held.Resource == ResourceLocking.Tag(image) && held.ReleaseId == run.Release.Id && held.Fence == run.Fence)
                .ExecuteDeleteAsync(token),
            cancellationToken);

    /// <summary>Writes down that a floating or branch tag is about to be put on the release's image. Whoever records its outcome closes it.</summary>
    /// <exception cref="CancelRequestedException">Nothing is to be put any more.</exception>
    public Task OpenPutAsync(ClaimedRun run, ReleaseImage image, Digest digest, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.GoingOnAsync(context, run.Release.Id, run.Fence, token);
                await OpenPuts.OpenAsync(context, database.NewId(now), image.Image, digest, release.Id, run.Fence, now, token);
                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    /// <summary>Writes down that a tag was moved, kept or refused; for a move also whose it is now, and that the image is pushed.</summary>
    public Task RecordMoveAsync(
        ClaimedRun run, ReleaseImage image, Digest? from, Digest? to, TagVerdict verdict, string reason, CancellationToken cancellationToken) =>
        RecordAsync(run, image, from, to, verdict, reason, isLocked: false, cancellationToken);

    /// <summary>Writes down a move that was made under the tag's lock. Whoever slept until the lock was another's does not know what became of the tag since.</summary>
    /// <exception cref="FencedOffException">The lock is not the run's own any more.</exception>
    public Task RecordLockedMoveAsync(
        ClaimedRun run, ReleaseImage image, Digest? from, Digest to, TagVerdict verdict, string reason, CancellationToken cancellationToken) =>
        RecordAsync(run, image, from, to, verdict, reason, isLocked: true, cancellationToken);

    /// <summary>
    /// Writes down, under the tag's lock, that a floating tag is not moved. A worker that was killed may have moved it for this very release without writing it down:
    /// then it is written down now, and where the version was retracted since, somebody has to take the tag off it.
    /// </summary>
    /// <param name="own">The release's own digest.</param>
    /// <returns><see cref="TagVerdict.Kept"/>, or <see cref="TagVerdict.Adopted"/> where the tag points to the release's image.</returns>
    /// <exception cref="FencedOffException">The lock is not the run's own any more.</exception>
    public Task<TagVerdict> RecordKeptAsync(
        ClaimedRun run, ReleaseImage image, Digest? current, Digest own, FloatingVerdict.Keep keep, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, run.Release.Id, run.Fence, token);
                await ResourceLocking.EnsureHeldAsync(database, context, ResourceLocking.Tag(image.Image), run.Release.Id, run.Fence, token);
                var owner = await OwnerAsync(context, image.Image, token);
                var isUnrecorded = current == own && owner?.Digest != own.Value && !await IsPassedAsync(context, release, image, owner, token);
                var verdict = isUnrecorded ? TagVerdict.Adopted : TagVerdict.Kept;
                var reason = verdict == TagVerdict.Kept ? keep.Why : $"an attempt of this release that was killed had moved it; now {keep.Why}";
                await WriteMoveAsync(context, release, image, current, current, verdict, reason, now, token);
                await RunLedger.WriteImageAsync(context, release, image.Ordinal, ImageStatus.Kept, current, new Reason(keep.Code, keep.Why), now, token);
                if (verdict == TagVerdict.Adopted && keep.Code == ReasonCode.Retracted)
                {
                    SettleRetracted(context, release, image, keep.Why, now);
                }

                await context.SaveChangesAsync(token);
                return verdict;
            },
            cancellationToken);

    /// <summary>
    /// Writes down, under the tag's lock, that a floating or branch tag was found on the release's image, put there by an attempt that did not hear of it. Not where a higher version
    /// passed it meanwhile: then the put came late, and whoever compares the tag with the history puts it back.
    /// </summary>
    /// <returns>Whether it was written down.</returns>
    /// <exception cref="FencedOffException">The lock is not the run's own any more.</exception>
    public Task<bool> TryAdoptAsync(ClaimedRun run, ReleaseImage image, Digest digest, string reason, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, run.Release.Id, run.Fence, token);
                await ResourceLocking.EnsureHeldAsync(database, context, ResourceLocking.Tag(image.Image), run.Release.Id, run.Fence, token);
                var owner = await OwnerAsync(context, image.Image, token);
                if (owner?.Digest != digest.Value)
                {
                    if (await IsPassedAsync(context, release, image, owner, token))
                    {
                        return false;
                    }

                    await WriteMoveAsync(context, release, image, digest, digest, TagVerdict.Adopted, reason, now, token);
                    if (release.RetractedAt is not null)
                    {
                        SettleRetracted(context, release, image, reason, now);
                    }
                }

                await RunLedger.WriteImageAsync(context, release, image.Ordinal, ImageStatus.Pushed, digest, null, now, token);
                await context.SaveChangesAsync(token);
                return true;
            },
            cancellationToken);

    /// <summary>Which images of the release may be in their registry, though they count as pending.</summary>
    public Task<IReadOnlyList<ReleaseImage>> PossiblePutsAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) => await context.Releases.SingleOrDefaultAsync(row => row.Id == run.Release.Id, token) is { } release
                ? await PossiblePuts.OfAsync(context, release, token)
                : [],
            cancellationToken);

    /// <summary>Somebody has to take the tag off a version that was retracted.</summary>
    private void SettleRetracted(HistoryContext context, Release release, ReleaseImage image, string why, DateTimeOffset now) =>
        context.TagChanges.Add(TagWishes.Change(
            database.NewId(now), image.Image, TagChangeKind.Settle, release.RetractedBy ?? "release", release.RetractedReason ?? why, now, scope: image.Scope));

    /// <summary>A higher version was put there meanwhile, so that the put of the release's own came late: it is nothing to go by.</summary>
    private static async Task<bool> IsPassedAsync(HistoryContext context, Release release, ReleaseImage image, TagOwner? owner, CancellationToken cancellationToken)
    {
        var known = await KnownVersions.ReadAsync(context, image.Image.Repository, cancellationToken);
        return known.Standing(owner?.Version) is { } standing && SemanticVersion.TryParse(release.Version, out var own) && standing > own;
    }

    private async Task WriteMoveAsync(
        HistoryContext context, Release release, ReleaseImage image, Digest? from, Digest? to, TagVerdict verdict, string reason, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        context.TagMoves.Add(TagMove.Of(database.NewId(now), release, image, from, to, verdict, reason, now));
        if (verdict is TagVerdict.Kept or TagVerdict.Refused)
        {
            return;
        }

        var owner = await OwnerAsync(context, image.Image, cancellationToken);
        if (owner is null)
        {
            owner = NewOwner(release, image, now);
            context.TagOwners.Add(owner);
        }

        var isOwn = owner.ReleaseId == release.Id;
        // A published version that its own ref replaces stays one, whatever becomes of the release: nobody else takes the name, and it goes on to be checked.
        var keepsPublished = owner.IsPublished
            && (isOwn || (owner.Kind, image.Kind) == (ImageTagKind.Version, ImageTagKind.Version) && (owner.ProjectId, owner.Ref) == (release.ProjectId, release.Ref.FullName));
        Hand(owner, release, image, now);
        owner.IsPublished = keepsPublished;
        owner.Digest = to?.Value;
        owner.DriftAt = null;
        owner.DriftDigest = null;
        // Read back after the put.
        (owner.SeenAt, owner.SeenDigest) = (now, to?.Value);
        if (to is not null)
        {
            await OpenPuts.CloseAsync(context, image.Image, to, wasFound: from == to, release.Id, release.Fence, cancellationToken);
        }

        // People pull it from now on, whatever becomes of the release. A version tag is nobody's to rely on before it is published.
        owner.NextCheckAt = keepsPublished ? isOwn ? owner.NextCheckAt : now + DriftLedger.FirstCheck
            : image.Kind == ImageTagKind.Version ? null
            : now + await OpenPuts.FirstLookAsync(context, image.Image, cancellationToken);
    }

    private Task RecordAsync(
        ClaimedRun run, ReleaseImage image, Digest? from, Digest? to, TagVerdict verdict, string reason, bool isLocked, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, run.Release.Id, run.Fence, token);
                if (isLocked)
                {
                    await ResourceLocking.EnsureHeldAsync(database, context, ResourceLocking.Tag(image.Image), run.Release.Id, run.Fence, token);
                }

                await WriteMoveAsync(context, release, image, from, to, verdict, reason, now, token);
                if (to is not null && verdict is not (TagVerdict.Kept or TagVerdict.Refused))
                {
                    await RunLedger.WriteImageAsync(context, release, image.Ordinal, ImageStatus.Pushed, to, null, now, token);
                }

                return await context.SaveChangesAsync(token);
            },
            cancellationToken);

    private static async Task TakeRepositoryAsync(
        HistoryContext context, Release release, (string Host, string Name) repository, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var owner = await context.RepositoryOwners.AsTracking().SingleOrDefaultAsync(
            row => row.Host == repository.Host && row.Repository == repository.Name, cancellationToken);
        if (owner is null)
        {
            owner = new RepositoryOwner { Host = repository.Host, Repository = repository.Name };
            context.RepositoryOwners.Add(owner);
        }
        else if (owner.IsPublished)
        {
            return;
        }

        owner.ProjectId = release.ProjectId;
        owner.ReleaseId = release.Id;
        owner.Since = now;
    }

    /// <summary>What was built to be published under a name, by releases that never came to it. Any of it may have got there before its release ended.</summary>
    private static async Task<List<string>> NeverPublishedAsync(HistoryContext context, ImageRef image, CancellationToken cancellationToken)
    {
        var reference = image.ToString();
        var images =
            from row in context.ReleaseImages
            join release in context.Releases on row.ReleaseId equals release.Id
            join build in context.ReleaseBuilds on row.ReleaseId equals build.ReleaseId
            where row.Reference == reference && release.Status != ReleaseStatus.Published
            select build.ImageId;
        return await images.Distinct().ToListAsync(cancellationToken);
    }

    internal static Task<TagOwner?> OwnerAsync(HistoryContext context, ImageRef image, CancellationToken cancellationToken) =>
        context.TagOwners.AsTracking().SingleOrDefaultAsync(
            owner => owner.Host == image.Repository.Host && owner.Repository == image.Repository.Name && owner.Tag == image.Tag, cancellationToken);

    private static TagOwner NewOwner(Release release, ReleaseImage image, DateTimeOffset now) => new()
    {
        Host = image.Host,
        Repository = image.Repository,
        Tag = image.Tag,
        Kind = image.Kind,
        ProjectId = release.ProjectId,
        Ref = release.Ref.FullName,
        ReleaseId = release.Id,
        Version = release.Version,
        UpdatedAt = now,
    };

    private static void Hand(TagOwner owner, Release release, ReleaseImage image, DateTimeOffset now)
    {
        owner.Kind = image.Kind;
        owner.ProjectId = release.ProjectId;
        owner.Ref = release.Ref.FullName;
        owner.ReleaseId = release.Id;
        owner.Version = release.Version;
        owner.UpdatedAt = now;
        if (owner.HandedToProjectId == release.ProjectId && owner.HandedToRef == owner.Ref)
        {
            (owner.HandedToProjectId, owner.HandedToRef) = (null, null);
        }
    }
}
