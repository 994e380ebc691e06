using System.Diagnostics.CodeAnalysis;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>A version tag of a release that reached <c>published</c>.</summary>
/// <param name="Digest">What that release put there, also where one that failed has replaced it since.</param>
public sealed record PublishedTag(SemanticVersion Version, string Tag, Guid ReleaseId, Digest Digest);

/// <summary>The versions of a repository that history knows.</summary>
public sealed class KnownVersions
{
    private readonly HashSet<string> _ours = new(StringComparer.Ordinal);
    private readonly HashSet<string> _retractedTags;
    private readonly HashSet<SemanticVersion> _retracted = [];
    private readonly List<PublishedTag> _published = [];

    private KnownVersions(IEnumerable<TagRetraction> retractions)
    {
        _retractedTags = new HashSet<string>(StringComparer.Ordinal);
        foreach (var retraction in retractions)
        {
            _retractedTags.Add(retraction.Tag);
            if (SemanticVersion.TryParse(retraction.Version, out var version))
            {
                _retracted.Add(version);
            }
        }
    }

    /// <summary>Those of releases that reached <c>published</c> and were not retracted.</summary>
    public IReadOnlyList<PublishedTag> Published => _published;

    /// <summary>Taken out of the reckoning by an operator, for good.</summary>
    public bool IsRetracted(SemanticVersion version) => _retracted.Contains(version);

    public bool IsRetracted(string tag) => _retractedTags.Contains(tag);

    /// <summary>
    /// Whether a tag that the registry lists counts by its name: it is a stable version, nobody retracted it, and no push of ours to it has begun. What is ours
    /// counts by what was published: neither a release that failed nor a branch tag is a version, whatever it is called.
    /// </summary>
    public bool Counts(string registryTag, [NotNullWhen(true)] out SemanticVersion? version) =>
        SemanticVersion.TryParseTag(registryTag, out version) && version.IsStable && !_ours.Contains(registryTag)
        && !_retractedTags.Contains(registryTag) && !_retracted.Contains(version);

    /// <summary>The version that we put a floating tag on. For that tag it counts, however far its release has come, or a slower one could take the tag back.</summary>
    /// <returns>Null where it was retracted.</returns>
    public SemanticVersion? Standing(string? version) => SemanticVersion.TryParse(version, out var standing) && !IsRetracted(standing) ? standing : null;

    /// <summary>What counts for a floating tag: by history, by the registry's own list, and by where the tag stands.</summary>
    /// <param name="standing">The version that we put the tag on, whatever the registry says at this moment: a straggler may have put it on an older one.</param>
    public IEnumerable<CountedVersion> Reckon(IEnumerable<string> registryTags, string? standing)
    {
        foreach (var tag in _published)
        {
            yield return new CountedVersion(tag.Version, CountedFor.Published);
        }

        foreach (var tag in registryTags)
        {
            if (Counts(tag, out var version))
            {
                yield return new CountedVersion(version, CountedFor.Listed);
            }
        }

        if (Standing(standing) is { } own)
        {
            yield return new CountedVersion(own, CountedFor.Standing);
        }
    }

    internal static async Task<KnownVersions> ReadAsync(HistoryContext context, ImageRepository repository, CancellationToken cancellationToken)
    {
        var (host, name) = (repository.Host, repository.Name);
        var retractions = await context.TagRetractions.AsNoTracking().Where(row => row.Host == host && row.Repository == name).ToListAsync(cancellationToken);
        var owners = await context.TagOwners
            .Where(owner => owner.Host == host && owner.Repository == name)
            .Select(owner => new
            {
                owner.Tag,
                owner.Kind,
                owner.Version,
                owner.IsPublished,
                owner.ReleaseId,
                owner.Digest,
                owner.PushBegunAt,
                IsByPublished = context.Releases.Any(release => release.Id == owner.ReleaseId && release.Status == ReleaseStatus.Published),
            })
            .ToListAsync(cancellationToken);
        var known = new KnownVersions(retractions);
        // A name that was reserved and never pushed to hides nothing: what the registry holds there is somebody else's.
        var begun = owners.Where(owner => owner.Digest is not null || owner.PushBegunAt is not null).ToList();
        known._ours.UnionWith(begun.Select(owner => owner.Tag));
        List<string> unpublished = [];
        foreach (var owner in begun.Where(owner => owner.Kind == ImageTagKind.Version))
        {
            if (owner is { IsPublished: true, IsByPublished: true, ReleaseId: { } release, Digest: { } digest })
            {
                known.AddPublished(new LastPublished(owner.Tag, release, owner.Version, Digest.Parse(digest)));
            }
            else
            {
                unpublished.Add(owner.Tag);
            }
        }

        // A release that has not come to its good end does not count, but what was published under the name before it does.
        foreach (var published in await LastPublished.OfAsync(context, repository, unpublished, cancellationToken))
        {
            known.AddPublished(published);
        }

        return known;
    }

    private void AddPublished(LastPublished tag)
    {
        if (SemanticVersion.TryParse(tag.Version, out var version) && !IsRetracted(version) && !IsRetracted(tag.Tag))
        {
            _published.Add(new PublishedTag(version, tag.Tag, tag.ReleaseId, tag.Digest));
        }
    }
}
