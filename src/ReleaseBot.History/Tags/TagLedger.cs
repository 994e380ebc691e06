using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What a tag points to by our own deed, and who else stands in the way. See <see cref="TagLedger.StandingAsync"/>.</summary>
/// <param name="ImageId">The config digest of the image that the owning release built last.</param>
public sealed record TagStanding(long ProjectId, string Ref, Guid ReleaseId, Digest? Digest, string? Version, bool IsPublished, string? ImageId);

/// <summary>The versions of a repository that history knows.</summary>
/// <param name="Published">Of releases that reached <c>published</c>.</param>
/// <param name="Unpublished">Image tags whose release has not: they do not count, though the registry holds them.</param>
public sealed record KnownVersions(IReadOnlyList<SemanticVersion> Published, IReadOnlySet<string> Unpublished);

/// <summary>Owners of tags and repositories, and every move of a tag.</summary>
public sealed class TagLedger(HistoryDatabase database)
{
    /// <summary>Takes the names of a release before its first push. Whoever published a name first keeps it.</summary>
    /// <returns>Why the release may not have them, or null if it has.</returns>
    public Task<Reason?> ReserveAsync(ClaimedRun run, OverwritePolicy overwrite, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, run.Release.Id, run.Fence, token);
                var images = await context.ReleaseImages.AsNoTracking().Where(image => image.ReleaseId == release.Id)
                    .OrderBy(image => image.Ordinal).ToListAsync(token);
                var conflict = await TagConflicts.FindAsync(context, release, images.Select(image => (image.Image, image.Kind)), overwrite, token);
                if (conflict is not null)
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
                        Hand(owner, release, image, now);
                    }
                }

                await context.SaveChangesAsync(token);
                return null;
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

                var imageId = await context.Releases.Where(release => release.Id == owner.ReleaseId).Select(release => release.ImageId).SingleOrDefaultAsync(token);
                return new TagStanding(owner.ProjectId, owner.Ref, owner.ReleaseId, owner.Digest is null ? null : Digest.Parse(owner.Digest),
                    owner.Version, owner.IsPublished, imageId);
            },
            cancellationToken);

    public Task<KnownVersions> KnownVersionsAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        database.ReadAsync(
            async (context, token) =>
            {
                var owners = await context.TagOwners
                    .Where(owner => owner.Host == repository.Host && owner.Repository == repository.Name && owner.Kind == ImageTagKind.Version)
                    .Select(owner => new { owner.Tag, owner.Version, owner.IsPublished })
                    .ToListAsync(token);
                List<SemanticVersion> published = [];
                HashSet<string> unpublished = new(StringComparer.Ordinal);
                foreach (var owner in owners)
                {
                    if (!owner.IsPublished)
                    {
                        unpublished.Add(owner.Tag);
                    }
                    else if (SemanticVersion.TryParse(owner.Version, out var version))
                    {
                        published.Add(version);
                    }
                }

                return new KnownVersions(published, unpublished);
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

    /// <summary>Writes down that a tag was moved, kept or refused, and for a move whose it is now.</summary>
    public Task RecordMoveAsync(
        ClaimedRun run, ReleaseImage image, Digest? from, Digest? to, TagVerdict verdict, string reason, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var release = await database.HeldAsync(context, run.Release.Id, run.Fence, token);
                context.TagMoves.Add(new TagMove
                {
                    Id = database.NewId(now),
                    Host = image.Host,
                    Repository = image.Repository,
                    Tag = image.Tag,
                    At = now,
                    From = from?.Value,
                    To = to?.Value,
                    ReleaseId = release.Id,
                    Version = release.Version,
                    Verdict = verdict,
                    Reason = reason,
                    By = "release",
                });
                if (verdict is not (TagVerdict.Kept or TagVerdict.Refused))
                {
                    var owner = await OwnerAsync(context, image.Image, token);
                    if (owner is null)
                    {
                        owner = NewOwner(release, image, now);
                        context.TagOwners.Add(owner);
                    }

                    var keepsPublished = owner.ReleaseId == release.Id && owner.IsPublished;
                    Hand(owner, release, image, now);
                    owner.IsPublished = keepsPublished;
                    owner.Digest = to?.Value;
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

    private static Task<TagOwner?> OwnerAsync(HistoryContext context, ImageRef image, CancellationToken cancellationToken) =>
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
    }
}
