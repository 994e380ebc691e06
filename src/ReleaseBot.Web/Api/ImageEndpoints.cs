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
    [property: Description("created, moved, kept, replaced, adopted, refused, drifted, restored or agreed.")] string Verdict,
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
    [property: Description("What the registry said at registryAskedAt; null where it had no such tag then, or was never asked.")] string? RegistryDigest,
    [property: Description("Now, where this process could ask; else when a worker last looked, and null where none has.")] DateTimeOffset? RegistryAskedAt,
    [property: Description("Set while the registry is known to say something else than we published, or was known to at the time asked for.")] DriftJson? Drift,
    [property: Description("Set where the version was taken out of the reckoning.")] RetractionJson? Retracted,
    [property: Description("A page of them, newest first.")] IReadOnlyList<TagMoveJson> Moves,
    [property: Description("The cursor of the next page of moves; null where there is none.")] string? Next,
    [property: Description("What operators, and the drift check, wish of the tag and how that ended; newest first, 20 at the most.")] IReadOnlyList<TagWishJson> Wishes,
    [property: Description("Of the tag and of its repository; newest first, 20 at the most.")] IReadOnlyList<HandoverJson> Handovers,
    string Note);

/// <summary>What an image tag points to, and how it came to.</summary>
internal static class ImageEndpoints
{
    private const int DefaultMoves = ReleaseFilter.MaxLimit;
    private const int MaxWishes = 20;
    private const string NotAsked = "this process has no access to the registry, and did not ask it";
    private const string Asked = "By history, and what the registry says now.";
    private const string Differs =
        "By history, and what the registry says now, which is not what was put there last. If nothing of ours moves the tag at this moment, somebody pushed past us.";

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
        [FromQuery(Name = "limit"), Description("Moves on a page: 1 to 200; 200 if it is not given.")] string? limit,
        [FromQuery(Name = "cursor"), Description("The next of the page before.")] string? cursor,
        HistoryQueries history, Handovers handovers, IServiceProvider services, TimeProvider clock, CancellationToken cancellationToken)
    {
        if (!ImageRef.TryParse(reference, out var image))
        {
            return Problems.InvalidParameter("reference", "HOST/REPOSITORY:TAG is expected, e.g. docker.io/acme/shop:1.2.");
        }

        var query = new QueryText();
        var time = query.Time("at", at);
        var (count, before) = (query.Limit(limit, DefaultMoves), query.Cursor(cursor));
        if (query.Problem is { } problem)
        {
            return problem;
        }

        var moves = await history.MovesAsync(image, count, before, cancellationToken);
        var wishes = await history.TagChangesAsync(image, MaxWishes, cancellationToken);
        var retraction = await history.RetractionAsync(image, cancellationToken);
        // Last, so that what the moves say has come to pass in it.
        var owner = await history.TagOwnerAsync(image, cancellationToken);
        if (owner is null && moves.Items.Count == 0 && wishes.Count == 0 && retraction is null
            && (before is null || (await history.MovesAsync(image, 1, null, cancellationToken)).Items.Count == 0))
        {
            return Problems.ImageNotFound(image.ToString());
        }

        var (digest, release) = (owner?.Digest, owner?.ReleaseId);
        var drift = owner?.DriftAt is { } since ? new DriftJson(since, owner.DriftDigest) : null;
        if (time is { } moment)
        {
            var (moved, found) = await history.StateAsync(image, moment, cancellationToken);
            (digest, release) = (moved?.To, moved?.ReleaseId);
            drift = found is null ? null : new DriftJson(found.At, found.To);
        }

        var (look, note) = await AskAsync(services.GetService<IRegistryReader>(), image, owner, clock, cancellationToken);
        return TypedResults.Json(
            new ImageJson(
                image.ToString(), owner?.Kind.ToText(), digest, release, look?.Digest, look?.At, drift,
                retraction is null ? null : new RetractionJson(retraction.At, retraction.By, retraction.Reason),
                [.. moves.Items.Select(Of)], PageCursor.Write(moves.Next), [.. wishes.Select(TagWishJson.Of)],
                [.. (await handovers.OfAsync(image, MaxWishes, cancellationToken)).Select(Of)], note),
            ApiJson.Default.ImageJson);
    }

    /// <summary>What the registry says, now if this process can ask it, and how much of the answer that is.</summary>
    internal static async Task<(RegistryLook? Look, string Note)> AskAsync(
        IRegistryReader? registries, ImageRef image, TagOwner? owner, TimeProvider clock, CancellationToken cancellationToken)
    {
        var last = RegistryLook.Of(owner);
        if (registries is null)
        {
            return (last, ByHistory(NotAsked, last));
        }

        try
        {
            var seen = (await registries.DigestAsync(image, cancellationToken))?.Value;
            return (new RegistryLook(clock.GetUtcNow(), seen), owner is { Digest: { } put } && put != seen ? Differs : Asked);
        }
        catch (RegistryReadException exception)
        {
            return (last, ByHistory(exception.Message, last));
        }
    }

    private static string ByHistory(string why, RegistryLook? last) => last is null
        ? $"By history alone: {why.TrimEnd('.')}, and no worker has looked at this tag yet."
        : $"By history alone: {why.TrimEnd('.')}. registryDigest is what a worker last saw, at registryAskedAt.";

    private static TagMoveJson Of(TagMove move) =>
        new(move.At, move.From, move.To, move.ReleaseId, move.Version, move.Verdict.ToText(), move.Reason, move.By);

    private static HandoverJson Of(Handover row) => new(row.At, row.Tag, row.FromProjectId, row.FromRef, row.ToProjectId, row.ToRef, row.By, row.Reason);
}
