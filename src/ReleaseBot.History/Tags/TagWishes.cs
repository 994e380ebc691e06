using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What came of an operator's wish to move a tag or to retract a version.</summary>
public abstract record WishResult
{
    /// <param name="Changes">What a worker will carry out.</param>
    public sealed record Accepted(IReadOnlyList<TagChange> Changes) : WishResult;

    /// <summary>History knows nothing of the tag, its repository or the release.</summary>
    public sealed record Unknown : WishResult;

    /// <summary>The tag is of another kind.</summary>
    public sealed record NotFloating(ImageTagKind Kind) : WishResult;

    /// <summary>We never published that version there, or not to its end.</summary>
    public sealed record NotPublished : WishResult;

    /// <summary>The version was retracted.</summary>
    public sealed record IsRetracted(string By, string Reason, DateTimeOffset At) : WishResult;

    /// <summary>The release has no version tag of its own that could be taken out of the reckoning.</summary>
    /// <param name="Taken">A version tag that the release planned and that is another release's, which <paramref name="Owner"/> names.</param>
    public sealed record NothingToRetract(ImageRef? Taken = null, Guid? Owner = null) : WishResult;

    /// <summary>The tag is a release's own: that is what has to be retracted, with all its registries.</summary>
    public sealed record OfRelease(Guid ReleaseId) : WishResult;
}

/// <summary>Writes down what operators wish of tags. Workers carry it out, since the web role has no access to the registries.</summary>
public sealed class TagWishes(HistoryDatabase database)
{
    /// <summary>Wants a floating tag on a published version of its repository.</summary>
    /// <param name="to">The version tag, or the version that it carries.</param>
    public Task<WishResult> MoveAsync(ImageRef image, string to, string by, string reason, CancellationToken cancellationToken) =>
        database.WriteAsync<WishResult>(
            async (context, token) =>
            {
                switch (await KindAsync(context, image, token))
                {
                    case null:
                        return new WishResult.Unknown();
                    case not ImageTagKind.Floating and { } kind:
                        return new WishResult.NotFloating(kind);
                }

                if (await PublishedAsync(context, image.Repository, to, token) is not { } target)
                {
                    return new WishResult.NotPublished();
                }

                if (await RetractionAsync(context, image.Repository, target, token) is { } retraction)
                {
                    return new WishResult.IsRetracted(retraction.By, retraction.Reason, retraction.At);
                }

                var now = await database.NowAsync(context, token);
                var change = Change(database.NewId(now), image, TagChangeKind.Move, by, reason, now, target.Tag, target.Digest.Value);
                context.TagChanges.Add(change);
                await context.SaveChangesAsync(token);
                return new WishResult.Accepted([change]);
            },
            cancellationToken);

    /// <summary>Takes a release's version out of the reckoning for good. Asked again, it changes nothing.</summary>
    public Task<WishResult> RetractAsync(Guid releaseId, string by, string reason, CancellationToken cancellationToken) =>
        database.WriteAsync<WishResult>(
            async (context, token) =>
            {
                if (await database.LockedAsync(context, releaseId, token) is not { } release)
                {
                    return new WishResult.Unknown();
                }

                var images = await context.ReleaseImages.AsNoTracking().Where(image => image.ReleaseId == releaseId).ToListAsync(token);
                var versions = images.Where(image => image.Kind == ImageTagKind.Version).ToList();
                if (versions.Count == 0 || release.RefKind != RefKind.Tag)
                {
                    return new WishResult.NothingToRetract();
                }

                if (release.RetractedAt is not null)
                {
                    return new WishResult.Accepted([]);
                }

                var own = new List<ReleaseImage>();
                var refusal = new WishResult.NothingToRetract();
                foreach (var image in versions)
                {
                    var owner = await TagLedger.OwnerAsync(context, image.Image, token);
                    // Where it has been replaced by a release that failed, what was published before goes on to count.
                    var counted = (await LastPublished.OfAsync(context, image.Image.Repository, image.Tag, token))?.ReleaseId ?? owner?.ReleaseId;
                    // What a release has only planned may be another's, and what it has only reserved a stranger's. While it runs, it may yet become its own.
                    if (owner is null || counted == releaseId && owner is { IsPublished: false, Digest: null, PushBegunAt: null }
                        ? !release.Status.IsFinal()
                        : counted == releaseId)
                    {
                        own.Add(image);
                    }
                    else if (owner is not null)
                    {
                        refusal = new WishResult.NothingToRetract(image.Image, counted);
                    }
                }

                if (own.Count == 0)
                {
                    return refusal;
                }

                var now = await database.NowAsync(context, token);
                (release.RetractedAt, release.RetractedBy, release.RetractedReason) = (now, by, reason);
                foreach (var image in own)
                {
                    await RetractAsync(context, image.Image, release.Version, releaseId, by, reason, now, token);
                }

                return await SettleAsync(context, own.Select(image => image.Image.Repository).Distinct(), by, reason, now, token);
            },
            cancellationToken);

    /// <summary>Leaves a tag of the registry that we never published out of the reckoning, for good.</summary>
    public Task<WishResult> RetractAsync(ImageRef image, string by, string reason, CancellationToken cancellationToken) =>
        database.WriteAsync<WishResult>(
            async (context, token) =>
            {
                var (host, repository) = (image.Repository.Host, image.Repository.Name);
                if (!await context.RepositoryOwners.AnyAsync(row => row.Host == host && row.Repository == repository, token))
                {
                    return new WishResult.Unknown();
                }

                var owner = await TagLedger.OwnerAsync(context, image, token);
                if (owner is { Kind: not ImageTagKind.Version })
                {
                    return new WishResult.NothingToRetract();
                }

                if (owner is { ReleaseId: { } releaseId } and not { IsPublished: false, Digest: null, PushBegunAt: null })
                {
                    return new WishResult.OfRelease((await LastPublished.OfAsync(context, image.Repository, image.Tag, token))?.ReleaseId ?? releaseId);
                }

                if (!SemanticVersion.TryParseTag(image.Tag, out var version))
                {
                    return new WishResult.NothingToRetract();
                }

                var now = await database.NowAsync(context, token);
                return await RetractAsync(context, image, version.ToString(), null, by, reason, now, token)
                    ? await SettleAsync(context, [image.Repository], by, reason, now, token)
                    : new WishResult.Accepted([]);
            },
            cancellationToken);

    internal static TagChange Change(
        Guid id, ImageRef image, TagChangeKind kind, string by, string reason, DateTimeOffset now, string? to = null, string? digest = null, string? scope = null) => new()
        {
            Id = id,
            Host = image.Repository.Host,
            Repository = image.Repository.Name,
            Tag = image.Tag,
            Kind = kind,
            To = to,
            Digest = digest,
            Scope = scope,
            By = by,
            Reason = reason,
            Status = TagChangeStatus.Pending,
            CreatedAt = now,
            NextAt = now,
        };

    /// <summary>What a tag is by our own doing; a floating tag may have been planned often and never been moved.</summary>
    private static async Task<ImageTagKind?> KindAsync(HistoryContext context, ImageRef image, CancellationToken cancellationToken)
    {
        if (await TagLedger.OwnerAsync(context, image, cancellationToken) is { } owner)
        {
            return owner.Kind;
        }

        var reference = image.ToString();
        return await context.ReleaseImages.Where(row => row.Reference == reference).OrderByDescending(row => row.ReleaseId)
            .Select(row => (ImageTagKind?)row.Kind).FirstOrDefaultAsync(cancellationToken);
    }

    /// <param name="to">A version tag, or the version that one carries.</param>
    private static async Task<LastPublished?> PublishedAsync(HistoryContext context, ImageRepository repository, string to, CancellationToken cancellationToken)
    {
        var named = await LastPublished.OfAsync(context, repository, to, cancellationToken);
        if (named is not null || !SemanticVersion.TryParseTag(to, out var parsed))
        {
            return named;
        }

        var version = parsed.ToString();
        var tags = await context.TagOwners
            .Where(owner => owner.Host == repository.Host && owner.Repository == repository.Name && owner.Kind == ImageTagKind.Version && owner.Version == version)
            .Select(owner => owner.Tag).ToListAsync(cancellationToken);
        return (await LastPublished.OfAsync(context, repository, tags, cancellationToken)).FirstOrDefault(tag => tag.Version == version);
    }

    internal static Task<TagRetraction?> RetractionAsync(
        HistoryContext context, ImageRepository repository, LastPublished target, CancellationToken cancellationToken) =>
        context.TagRetractions.AsNoTracking().FirstOrDefaultAsync(
            row => row.Host == repository.Host && row.Repository == repository.Name
                && (row.Tag == target.Tag || row.Version != null && row.Version == target.Version),
            cancellationToken);

    private static async Task<bool> RetractAsync(
        HistoryContext context, ImageRef image, string? version, Guid? releaseId, string by, string reason, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (host, repository, tag) = (image.Repository.Host, image.Repository.Name, image.Tag);
        if (await context.TagRetractions.AnyAsync(row => row.Host == host && row.Repository == repository && row.Tag == tag, cancellationToken))
        {
            return false;
        }

        context.TagRetractions.Add(new TagRetraction
        {
            Host = host,
            Repository = repository,
            Tag = tag,
            Version = version,
            ReleaseId = releaseId,
            By = by,
            Reason = reason,
            At = now,
        });
        return true;
    }

    /// <summary>
    /// Every floating tag of the repositories is looked at again: which of them point to the version is known for certain only under their locks,
    /// since a release may be moving one at this moment.
    /// </summary>
    private async Task<WishResult> SettleAsync(
        HistoryContext context, IEnumerable<ImageRepository> repositories, string by, string reason, DateTimeOffset now, CancellationToken cancellationToken)
    {
        List<TagChange> changes = [];
        foreach (var repository in repositories)
        {
            var floating = await context.ReleaseImages
                .Where(image => image.Host == repository.Host && image.Repository == repository.Name && image.Kind == ImageTagKind.Floating)
                .Select(image => new { image.Tag, image.Scope }).Distinct().OrderBy(image => image.Tag).ToListAsync(cancellationToken);
            changes.AddRange(floating.DistinctBy(image => image.Tag).Select(image => Change(database.NewId(now), repository.WithTag(image.Tag), TagChangeKind.Settle, by, reason, now, scope: image.Scope)));
        }

        context.TagChanges.AddRange(changes);
        await context.SaveChangesAsync(cancellationToken);
        return new WishResult.Accepted(changes);
    }
}
