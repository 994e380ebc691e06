using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

public enum ForecastVerdict
{
    Create,
    Move,
    Keep,
    Refuse,
}

/// <summary>What would become of one image tag, by what history knows and what the registry says.</summary>
/// <param name="Current">What the tag points to now by our own deed.</param>
/// <param name="Code">Of a tag that is kept or refused.</param>
public sealed record ForecastImage(PlannedImage Image, ForecastVerdict Verdict, string? Current, ReasonCode? Code, string Why)
{
    /// <summary>What the registry says, now or when a worker last looked; null where nobody has.</summary>
    public RegistryLook? Seen { get; init; }
}

/// <summary>Says what a release of a ref would do to each tag of its plan, and changes nothing.</summary>
public sealed class TagForecast(HistoryDatabase database, TagLedger ledger)
{
    /// <param name="registries">What the registries were asked; those that were not are passed over, and history alone counts.</param>
    public async Task<IReadOnlyList<ForecastImage>> OfAsync(
        long projectId, GitRef gitRef, ObjectId target, ObjectId commit, ReleasePlan plan, OverwritePolicy overwrite, RegistryFacts registries,
        CancellationToken cancellationToken)
    {
        var release = await LikenessAsync(projectId, gitRef, target, commit, cancellationToken);
        List<ForecastImage> forecast = new(plan.Images.Count);
        foreach (var image in plan.Images)
        {
            var conflict = await database.ReadAsync(
                (context, token) => TagConflicts.FindAsync(context, release, image.Image, image.Kind, overwrite, token), cancellationToken);
            var standing = await ledger.StandingAsync(image.Image, cancellationToken);
            var answer = registries.Tags.GetValueOrDefault(image.Image);
            var verdict = conflict is not null ? Refuse(image, standing, conflict)
                : release.Status == ReleaseStatus.Published ? AlreadyPublished(image, standing, release)
                : image.Kind == ImageTagKind.Floating ? await FloatingAsync(image, standing, release, plan.Version, registries, cancellationToken)
                : OfName(image, standing, release, overwrite, answer);
            forecast.Add(verdict with { Seen = answer is null ? standing?.Seen : new RegistryLook(answer.At, answer.Digest?.Value) });
        }

        return forecast;
    }

    /// <summary>
    /// For each version tag of a plan the digests that history can judge by themselves: what was put there, and what the release has pushed already.
    /// Only of others does <see cref="OfAsync"/> need the config digest.
    /// </summary>
    public async Task<IReadOnlyDictionary<ImageRef, IReadOnlyCollection<Digest>>> KnownDigestsAsync(
        long projectId, GitRef gitRef, ObjectId target, ObjectId commit, ReleasePlan plan, CancellationToken cancellationToken)
    {
        var release = await LikenessAsync(projectId, gitRef, target, commit, cancellationToken);
        var own = release.Digest is { } digest ? Digest.Parse(digest) : null;
        Dictionary<ImageRef, IReadOnlyCollection<Digest>> known = [];
        foreach (var image in plan.Images.Where(image => image.Kind == ImageTagKind.Version))
        {
            var standing = await ledger.StandingAsync(image.Image, cancellationToken);
            known[image.Image] = [.. new[] { standing?.Digest, own }.OfType<Digest>()];
        }

        return known;
    }

    private static ForecastImage Refuse(PlannedImage image, TagStanding? standing, Reason reason) =>
        new(image, ForecastVerdict.Refuse, standing?.Digest?.Value, reason.Code, reason.Message);

    private static ForecastImage AlreadyPublished(PlannedImage image, TagStanding? standing, Release release) => new(
        image, ForecastVerdict.Keep, standing?.Digest?.Value, ReasonCode.AlreadyAccepted,
        standing?.ReleaseId == release.Id
            ? "this ref at this object was published already, and the tag was put on it"
            : $"this ref at this object was published already, by release {release.Id}, and nothing of it is published again");

    private async Task<ForecastImage> FloatingAsync(
        PlannedImage image, TagStanding? standing, Release release, SemanticVersion? version, RegistryFacts registries, CancellationToken cancellationToken)
    {
        var current = standing?.Digest?.Value;
        var known = await ledger.KnownVersionsAsync(image.Image.Repository, cancellationToken);
        if (version is not null && known.IsRetracted(version))
        {
            return new ForecastImage(image, ForecastVerdict.Keep, current, ReasonCode.Retracted, $"{version} was retracted by an operator, so it moves no floating tag");
        }

        var counted = known.Reckon(registries.Listed.GetValueOrDefault(image.Image.Repository, []), standing?.Version);
        var isThere = registries.Tags.TryGetValue(image.Image, out var answer) ? answer.Digest is not null : standing is not null;
        return FloatingTags.Decide(version, image.Scope ?? FloatingScope.All, counted) switch
        {
            FloatingVerdict.Keep keep => new ForecastImage(image, ForecastVerdict.Keep, current, keep.Code, keep.Why),
            _ when standing is { Digest: not null } && standing.ReleaseId == release.Id =>
                new ForecastImage(image, ForecastVerdict.Keep, current, ReasonCode.AlreadyAccepted, "an earlier attempt of this release has put it on its image already"),
            var move => new ForecastImage(image, isThere ? ForecastVerdict.Move : ForecastVerdict.Create, current, null, move.Why),
        };
    }

    /// <summary>Of a version or branch tag, which is decided by its name alone.</summary>
    private static ForecastImage OfName(PlannedImage image, TagStanding? standing, Release release, OverwritePolicy overwrite, RegistryAnswer? answer)
    {
        var current = standing?.Digest?.Value;
        if (answer?.Digest is { } found && found.Value != release.Digest && (answer.ImageId is null || answer.ImageId != release.ImageId)
            && NameFinding.Of(image.Image, image.Kind, overwrite, standing, release, found, answer.ImageId) is NameFinding.Refused refused)
        {
            return Refuse(image, standing, refused.Reason);
        }

        return (standing, answer) switch
        {
            (null, { Digest: not null }) => Move($"the registry has it, and not by us; {(image.Kind == ImageTagKind.Branch ? "a branch tag follows its branch" : "Overwrite is Allow")}"),
            (null, _) => Create(answer is null ? "history knows no such tag yet" : "neither history nor the registry knows such a tag yet"),
            ({ IsPublished: true }, { Digest: null }) => Create("it was published, and is gone from the registry"),
            // What somebody else put there meanwhile is not kept: it is replaced where that is allowed, and refused above where it is not.
            ({ IsPublished: true }, _) when standing.IsOfSameCommit(release) && (answer is null || answer.Digest == standing.Digest) =>
                new ForecastImage(image, ForecastVerdict.Keep, current, ReasonCode.AlreadyAccepted, "it was published already, from this commit of this branch"),
            ({ IsPublished: true }, _) when standing.ReleaseId == release.Id =>
                Move("an earlier attempt of this release replaced what was published there, and did not come to its end"),
            _ when standing.IsHandedTo(release) => Move("an operator handed the tag over to this ref"),
            ({ IsPublished: false }, _) => Move($"{standing.Ref} took it, but was never published"),
            _ when image.Kind == ImageTagKind.Branch => Move("a branch tag follows its branch"),
            _ => Move("Overwrite is Allow: the published version gets another digest"),
        };

        ForecastImage Create(string why) => new(image, ForecastVerdict.Create, current, null, why);

        ForecastImage Move(string why) => new(image, ForecastVerdict.Move, current, null, why);
    }

    /// <summary>The release of this tag at this object if there is one, else one as it would be. A branch's next push is a release of its own.</summary>
    private Task<Release> LikenessAsync(long projectId, GitRef gitRef, ObjectId target, ObjectId commit, CancellationToken cancellationToken)
    {
        var key = ReleaseKey.Of(projectId, gitRef, target, default);
        return database.ReadAsync(
            async (context, token) => (gitRef.Kind == RefKind.Tag ? await context.Releases.SingleOrDefaultAsync(row => row.Key == key, token) : null) ?? new Release
            {
                Key = key,
                ProjectId = projectId,
                ProjectPath = "",
                RefKind = gitRef.Kind,
                RefName = gitRef.Name,
                Target = target.Value,
                Commit = commit.Value,
            },
            cancellationToken);
    }
}
