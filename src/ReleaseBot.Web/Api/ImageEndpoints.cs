using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

internal sealed record TagMoveJson(
    DateTimeOffset At, string? From, string? To, Guid? Release, string? Version,
    [property: Description("created, moved, kept, replaced, adopted, refused, drifted or restored.")] string Verdict,
    string Reason,
    [property: Description("release, drift check, or the name of an operator's token.")] string By);

internal sealed record DriftJson(
    DateTimeOffset Since,
    [property: Description("What the registry said then; null where the tag was gone.")] string? Digest);

internal sealed record RetractionJson(DateTimeOffset At, string By, string Reason);

internal sealed record HandoverJson(
    DateTimeOffset At,
    [property: Description("Null where the whole repository was handed over.")] string? Tag,
    long FromProject, string? FromRef, long ToProject, string? ToRef, string By, string Reason);

internal sealed record ImageJson(
    string Reference,
    [property: Description("version, branch or floating; null where only refusals are known.")] string? Kind,
    [property: Description("What the tag points to, or pointed to at the time asked for.")] string? Digest,
    Guid? Release,
    [property: Description("What the registry says; null where it was not asked.")] string? RegistryDigest,
    [property: Description("Set while the registry is known to say something else than we published.")] DriftJson? Drift,
    [property: Description("Set where the version was taken out of the reckoning.")] RetractionJson? Retracted,
    [property: Description("Newest first, 200 at the most.")] IReadOnlyList<TagMoveJson> Moves,
    [property: Description("What operators, and the drift check, wish of the tag and how that ended; newest first, 20 at the most.")] IReadOnlyList<TagWishJson> Wishes,
    [property: Description("Of the tag and of its repository; newest first, 20 at the most.")] IReadOnlyList<HandoverJson> Handovers,
    string Note);

/// <summary>What an image tag points to, and how it came to.</summary>
internal static class ImageEndpoints
{
    private const int MaxMoves = 200;
    private const int MaxWishes = 20;
    private const string NotAsked = "By history alone: this process has no access to the registry.";
    private const string Asked = "By history, and what the registry says now.";

    public static void MapImages(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/images", GetAsync)
            .Requires(AccessScope.Read)
            .WithApiProblems()
            .WithTags("Images")
            .WithName("GetImage")
            .WithSummary("Say what an image tag points to, or pointed to at a time, with every move and refusal")
            .Produces<ImageJson>()
            .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<IResult> GetAsync(
        [FromQuery(Name = "reference"), Description("HOST/REPOSITORY:TAG, e.g. docker.io/acme/shop:1.2.")] string? reference,
        [FromQuery(Name = "at"), Description("A time of RFC 3339.")] string? at,
        HistoryQueries history, Handovers handovers, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (!ImageRef.TryParse(reference, out var image))
        {
            return Problems.InvalidParameter("reference", "HOST/REPOSITORY:TAG is expected, e.g. docker.io/acme/shop:1.2.");
        }

        var query = new QueryText();
        var time = query.Time("at", at);
        if (query.Problem is { } problem)
        {
            return problem;
        }

        var owner = await history.TagOwnerAsync(image, cancellationToken);
        var moves = await history.MovesAsync(image, MaxMoves, cancellationToken);
        var wishes = await history.TagChangesAsync(image, MaxWishes, cancellationToken);
        var retraction = await history.RetractionAsync(image, cancellationToken);
        if (owner is null && moves.Count == 0 && wishes.Count == 0 && retraction is null)
        {
            return Problems.ImageNotFound(image.ToString());
        }

        var (digest, release) = (owner?.Digest, owner?.ReleaseId);
        if (time is { } moment)
        {
            var move = await history.LastMoveAsync(image, moment, cancellationToken);
            (digest, release) = (move?.To, move?.ReleaseId);
        }

        var (registryDigest, note) = await AskAsync(services.GetService<IRegistryReader>(), image, cancellationToken);
        return TypedResults.Json(
            new ImageJson(
                image.ToString(), owner?.Kind.ToText(), digest, release, registryDigest,
                owner?.DriftAt is { } since ? new DriftJson(since, owner.DriftDigest) : null,
                retraction is null ? null : new RetractionJson(retraction.At, retraction.By, retraction.Reason),
                [.. moves.Select(Of)], [.. wishes.Select(TagWishJson.Of)],
                [.. (await handovers.OfAsync(image, MaxWishes, cancellationToken)).Select(Of)], note),
            ApiJson.Default.ImageJson);
    }

    private static async Task<(string? Digest, string Note)> AskAsync(IRegistryReader? registries, ImageRef image, CancellationToken cancellationToken)
    {
        if (registries is null)
        {
            return (null, NotAsked);
        }

        try
        {
            return ((await registries.DigestAsync(image, cancellationToken))?.Value, Asked);
        }
        catch (RegistryReadException exception)
        {
            return (null, $"By history alone: {exception.Message}.");
        }
    }

    private static TagMoveJson Of(TagMove move) =>
        new(move.At, move.From, move.To, move.ReleaseId, move.Version, move.Verdict.ToText(), move.Reason, move.By);

    private static HandoverJson Of(Handover row) => new(row.At, row.Tag, row.FromProjectId, row.FromRef, row.ToProjectId, row.ToRef, row.By, row.Reason);
}
