using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

internal sealed record TagMoveJson(
    DateTimeOffset At, string? From, string? To, Guid? Release, string? Version,
    [property: Description("created, moved, kept, replaced, adopted or refused.")] string Verdict,
    string Reason,
    [property: Description("release, or the name of an operator's token.")] string By);

internal sealed record ImageJson(
    string Reference,
    [property: Description("version, branch or floating; null where only refusals are known.")] string? Kind,
    [property: Description("What the tag points to, or pointed to at the time asked for.")] string? Digest,
    Guid? Release,
    [property: Description("What the registry says; null where it was not asked.")] string? RegistryDigest,
    [property: Description("Newest first, 200 at the most.")] IReadOnlyList<TagMoveJson> Moves,
    string Note);

/// <summary>What an image tag points to, and how it came to.</summary>
internal static class ImageEndpoints
{
    private const int MaxMoves = 200;
    private const string Note = "By history: the registry was not asked.";

    public static void MapImages(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/images", GetAsync)
            .Requires(AccessScope.Read)
            .WithAccessProblems()
            .WithTags("Images")
            .WithName("GetImage")
            .WithSummary("Say what an image tag points to, or pointed to at a time, with every move and refusal")
            .Produces<ImageJson>()
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<IResult> GetAsync(
        [FromQuery(Name = "reference"), Description("HOST/REPOSITORY:TAG, e.g. docker.io/acme/shop:1.2.")] string? reference,
        [FromQuery(Name = "at"), Description("A time of RFC 3339.")] string? at,
        HistoryQueries history, CancellationToken cancellationToken)
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
        if (owner is null && moves.Count == 0)
        {
            return Problems.ImageNotFound(image.ToString());
        }

        var (digest, release) = (owner?.Digest, owner?.ReleaseId);
        if (time is { } moment)
        {
            var move = await history.LastMoveAsync(image, moment, cancellationToken);
            (digest, release) = (move?.To, move?.ReleaseId);
        }

        return TypedResults.Json(
            new ImageJson(image.ToString(), owner?.Kind.ToText(), digest, release, RegistryDigest: null, [.. moves.Select(Of)], Note), ApiJson.Default.ImageJson);
    }

    private static TagMoveJson Of(TagMove move) =>
        new(move.At, move.From, move.To, move.ReleaseId, move.Version, move.Verdict.ToText(), move.Reason, move.By);
}
