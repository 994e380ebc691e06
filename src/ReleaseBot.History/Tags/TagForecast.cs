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

/// <summary>What would become of one image tag, by what history knows.</summary>
/// <param name="Current">What the tag points to now by our own deed.</param>
/// <param name="Code">Of a tag that is kept or refused.</param>
public sealed record ForecastImage(PlannedImage Image, ForecastVerdict Verdict, string? Current, ReasonCode? Code, string Why)
{
    /// <summary>What a worker last saw in the registry, and when; null where none has looked.</summary>
    public RegistryLook? Seen { get; init; }
}

/// <summary>Says what a release of a ref would do to each tag of its plan, and changes nothing. The registries are not asked.</summary>
public sealed class TagForecast(HistoryDatabase database, TagLedger ledger)
{
    public async Task<IReadOnlyList<ForecastImage>> OfAsync(
        long projectId, GitRef gitRef, ObjectId target, ReleasePlan plan, OverwritePolicy overwrite, CancellationToken cancellationToken)
    {
        var release = await LikenessAsync(projectId, gitRef, target, cancellationToken);
        List<ForecastImage> forecast = new(plan.Images.Count);
        foreach (var image in plan.Images)
        {
            var conflict = await database.ReadAsync(
                (context, token) => TagConflicts.FindAsync(context, release, image.Image, image.Kind, overwrite, token), cancellationToken);
            var standing = await ledger.StandingAsync(image.Image, cancellationToken);
            var verdict = conflict is not null
                ? new ForecastImage(image, ForecastVerdict.Refuse, standing?.Digest?.Value, conflict.Code, conflict.Message)
                : await WithoutConflictAsync(image, standing, release, plan.Version, cancellationToken);
            forecast.Add(verdict with { Seen = standing?.Seen });
        }

        return forecast;
    }

    private async Task<ForecastImage> WithoutConflictAsync(
        PlannedImage image, TagStanding? standing, Release release, SemanticVersion? version, CancellationToken cancellationToken)
    {
        var current = standing?.Digest?.Value;
        if (image.Kind == ImageTagKind.Floating)
        {
            var known = await ledger.KnownVersionsAsync(image.Image.Repository, cancellationToken);
            if (version is not null && known.IsRetracted(version))
            {
                return new ForecastImage(image, ForecastVerdict.Keep, current, ReasonCode.Retracted, $"{version} was retracted by an operator, so it moves no floating tag");
            }

            IEnumerable<SemanticVersion> counted = known.Standing(standing?.Version) is { } stands ? [.. known.Reckon([]), stands] : known.Reckon([]);
            return FloatingTags.Decide(version, image.Scope ?? FloatingScope.All, counted) switch
            {
                FloatingVerdict.Keep keep => new ForecastImage(image, ForecastVerdict.Keep, current, keep.Code, keep.Why),
                var move => new ForecastImage(image, standing is null ? ForecastVerdict.Create : ForecastVerdict.Move, current, null, move.Why),
            };
        }

        return standing switch
        {
            null => new ForecastImage(image, ForecastVerdict.Create, null, null, "history knows no such tag yet"),
            { IsPublished: true } when standing.ReleaseId == release.Id =>
                new ForecastImage(image, ForecastVerdict.Keep, current, ReasonCode.AlreadyAccepted, "this ref at this object was published already"),
            _ when standing.IsHandedTo(release) => new ForecastImage(image, ForecastVerdict.Move, current, null, "an operator handed the tag over to this ref"),
            { IsPublished: false } => new ForecastImage(image, ForecastVerdict.Move, current, null, $"{standing.Ref} took it, but was never published"),
            _ when image.Kind == ImageTagKind.Branch => new ForecastImage(image, ForecastVerdict.Move, current, null, "a branch tag follows its branch"),
            _ => new ForecastImage(image, ForecastVerdict.Move, current, null, "Overwrite is Allow: the published version gets another digest"),
        };
    }

    /// <summary>The release of this ref at this object if there is one, else one as it would be.</summary>
    private Task<Release> LikenessAsync(long projectId, GitRef gitRef, ObjectId target, CancellationToken cancellationToken)
    {
        var key = ReleaseKey.Of(projectId, gitRef, target, default);
        return database.ReadAsync(
            async (context, token) => await context.Releases.SingleOrDefaultAsync(row => row.Key == key, token) ?? new Release
            {
                Key = key,
                ProjectId = projectId,
                ProjectPath = "",
                RefKind = gitRef.Kind,
                RefName = gitRef.Name,
                Target = target.Value,
            },
            cancellationToken);
    }
}
