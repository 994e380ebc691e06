using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record MoveRequest
{
    [Description("HOST/REPOSITORY:TAG of a floating tag, e.g. docker.io/acme/shop:latest.")]
    public string? Reference { get; init; }

    [Description("A published version tag of the same repository, or the version that it carries.")]
    public string? To { get; init; }

    [Description("Why, for whoever looks later.")]
    public string? Reason { get; init; }
}

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record RetractRequest
{
    [Description("Why, for whoever looks later.")]
    public string? Reason { get; init; }
}

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record RetractTagRequest
{
    [Description("HOST/REPOSITORY:TAG of a version that the registry holds and that we never published.")]
    public string? Reference { get; init; }

    [Description("Why, for whoever looks later.")]
    public string? Reason { get; init; }
}

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record HandOverRequest
{
    [Description("HOST/REPOSITORY:TAG, or HOST/REPOSITORY of a whole repository.")]
    public string? Reference { get; init; }

    [Description("The id or path of the project that is to have it.")]
    [JsonConverter(typeof(TextOrNumberConverter))]
    public string? Project { get; init; }

    [Description("Of a tag: the full name of the ref that may take it, e.g. refs/tags/v1.2.3.")]
    public string? Ref { get; init; }

    [Description("Why, for whoever looks later.")]
    public string? Reason { get; init; }
}

internal sealed record TagWishJson(
    Guid Id,
    string Reference,
    [property: Description("move, settle or restore.")] string Kind,
    [property: Description("The version tag that it is to point to; null where that is decided when it is carried out.")] string? To,
    string? Digest,
    [property: Description("pending, done, kept, failed or overtaken.")] string Status,
    [property: Description("How it ended, or what it waits for.")] string? Outcome,
    string By,
    string Reason,
    DateTimeOffset CreatedAt,
    DateTimeOffset? FinishedAt)
{
    public static TagWishJson Of(TagChange change) => new(
        change.Id, change.Image.ToString(), change.Kind.ToText(), change.To, change.Digest, change.Status.ToText(), change.Outcome, change.By, change.Reason,
        change.CreatedAt, change.FinishedAt);
}

internal sealed record RetractedJson(
    [property: Description("The floating tags that are looked at again, by a worker. Empty where the version was retracted before.")] IReadOnlyList<TagWishJson> Wishes);

internal sealed record HandedOverJson(string Reference, long Project, string? Ref, string By, string Reason);

/// <summary>What an operator can do to image tags. The registries are a worker's to talk to: what is wished is written down and carried out by one.</summary>
internal static partial class TagOperationEndpoints
{
    private const int MaxBodyBytes = 64 * 1024;
    private const int MaxReason = 1000;

    public static void MapTagOperations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1").Requires(AccessScope.Operate).WithApiProblems().WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes));
        group.MapPost("/images/move", MoveAsync)
            .WithTags("Images")
            .WithName("MoveImage")
            .WithSummary("Put a floating tag on another published version of its repository, byte for byte")
            .WithDescription("A worker does it; GET /api/v1/images shows how far it is. A later release that is the highest of the tag's scope moves it forward again.")
            .Produces<TagWishJson>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        group.MapPost("/images/retract", RetractTagAsync)
            .WithTags("Images")
            .WithName("RetractImage")
            .WithSummary("Leave a version that the registry holds, and that we never published, out of the reckoning for good")
            .WithDescription("The tag itself stays. Floating tags that it held back go to the highest version that is left.")
            .Produces<RetractedJson>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        group.MapPost("/images/hand-over", HandOverAsync)
            .WithTags("Images")
            .WithName("HandOverImage")
            .WithSummary("Give a tag to another ref, or a repository to another project")
            .WithDescription("The way out of tag-taken and repository-taken. A tag stays what it is until the new ref is published; then that may replace it, whatever Overwrite says.")
            .Produces<HandedOverJson>()
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        group.MapPost("/releases/{id:guid}/retract", RetractAsync)
            .WithTags("Releases")
            .WithName("RetractRelease")
            .WithSummary("Take a release's version out of the reckoning for good")
            .WithDescription("Its version tag stays. Floating tags that point to it go to the next highest of their scope, and none ever goes to it again.")
            .Produces<RetractedJson>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<IResult> MoveAsync(MoveRequest request, HttpContext context, TagWishes wishes, WorkSignal signal, ILogger<TagWishes> logger)
    {
        if (!TryReadImage(request.Reference, out var image, out var problem) || !TryReadReason(request.Reason, out var reason, out problem))
        {
            return problem;
        }

        if (request.To is not { Length: > 0 and <= ImageTag.MaxLength } to || !ImageTag.IsLegal(to) && !SemanticVersion.TryParse(to, out _))
        {
            return Problems.InvalidParameter("to", "a version tag of the repository, or a version, is expected, e.g. v1.2.3.");
        }

        var caller = context.CallerName();
        var result = await wishes.MoveAsync(image, to, caller, reason, context.RequestAborted);
        if (result is not WishResult.Accepted { Changes: [var change] })
        {
            return Refusal(result, image, to);
        }

        Log.Moved(logger, caller, image.ToString(), to, reason);
        await signal.SendAsync(change.Id, context.RequestAborted);
        return TypedResults.Json(TagWishJson.Of(change), ApiJson.Default.TagWishJson, statusCode: StatusCodes.Status202Accepted);
    }

    private static async Task<IResult> RetractTagAsync(RetractTagRequest request, HttpContext context, TagWishes wishes, WorkSignal signal, ILogger<TagWishes> logger)
    {
        if (!TryReadImage(request.Reference, out var image, out var problem) || !TryReadReason(request.Reason, out var reason, out problem))
        {
            return problem;
        }

        var caller = context.CallerName();
        var result = await wishes.RetractAsync(image, caller, reason, context.RequestAborted);
        return result switch
        {
            WishResult.Accepted accepted => await RetractedAsync(accepted, caller, image.ToString(), reason, signal, logger, context.RequestAborted),
            WishResult.Unknown => Problems.NothingPublishedIn(image.Repository.ToString(), image.Tag),
            _ => Refusal(result, image, image.Tag),
        };
    }

    private static async Task<IResult> RetractAsync(Guid id, RetractRequest request, HttpContext context, TagWishes wishes, WorkSignal signal, ILogger<TagWishes> logger)
    {
        if (!TryReadReason(request.Reason, out var reason, out var problem))
        {
            return problem;
        }

        var caller = context.CallerName();
        return await wishes.RetractAsync(id, caller, reason, context.RequestAborted) switch
        {
            WishResult.Accepted accepted => await RetractedAsync(accepted, caller, id.ToString(), reason, signal, logger, context.RequestAborted),
            WishResult.NothingToRetract { Taken: { } taken, Owner: { } owner } => Problems.NothingToRetract($"Release {id}", $" {taken} is release {owner}'s."),
            WishResult.NothingToRetract => Problems.NothingToRetract($"Release {id}"),
            _ => Problems.ReleaseNotFound(id),
        };
    }

    private static async Task<IResult> HandOverAsync(HandOverRequest request, HttpContext context, Handovers handovers, ILogger<Handovers> logger)
    {
        if (!TryReadReason(request.Reason, out var reason, out var problem))
        {
            return problem;
        }

        // Of a repository alone any tag will do to read it.
        var image = ImageRef.TryParse(request.Reference, out var tag) ? tag : null;
        if ((image ?? (ImageRef.TryParse($"{request.Reference}:any", out var any) ? any : null)) is not { Repository: var repository })
        {
            return Problems.InvalidParameter("reference", "HOST/REPOSITORY:TAG or HOST/REPOSITORY is expected, e.g. docker.io/acme/shop:1.2.");
        }

        GitRef heir = default!;
        if (image is not null && !GitRef.TryParse(request.Ref, out heir!))
        {
            return Problems.InvalidParameter("ref", "the full name of the ref that may take the tag is expected, e.g. refs/tags/v1.2.3.");
        }

        if (image is null && request.Ref is not null)
        {
            return Problems.InvalidParameter("ref", "a ref takes a tag, and the reference names none: HOST/REPOSITORY:TAG is expected. Without a ref the whole repository changes hands.");
        }

        if (request.Project is not { Length: > 0 and <= 1024 } name || name.Contains('\0', StringComparison.Ordinal))
        {
            return Problems.InvalidParameter("project", "a path with namespace, e.g. acme/shop, or an id is expected.");
        }

        if (await handovers.ProjectAsync(name, context.RequestAborted) is not { } project)
        {
            return Problems.ProjectUnknown(name);
        }

        var caller = context.CallerName();
        var outcome = image is not null
            ? await handovers.GiveAsync(image, project, heir, caller, reason, context.RequestAborted)
            : await handovers.GiveAsync(repository, project, caller, reason, context.RequestAborted);
        if (outcome != HandoverOutcome.Done)
        {
            return outcome == HandoverOutcome.NoOwner
                ? Problems.NoOwner(request.Reference!)
                : Problems.AlreadyTheirs(request.Reference!, image is null ? $"project {project}" : heir.FullName);
        }

        Log.HandedOver(logger, caller, request.Reference!, project, reason);
        return TypedResults.Json(new HandedOverJson(request.Reference!, project, image is null ? null : heir.FullName, caller, reason), ApiJson.Default.HandedOverJson);
    }

    private static async Task<IResult> RetractedAsync(
        WishResult.Accepted accepted, string caller, string what, string reason, WorkSignal signal, ILogger logger, CancellationToken cancellationToken)
    {
        Log.Retracted(logger, caller, what, reason);
        if (accepted.Changes is [var first, ..])
        {
            await signal.SendAsync(first.Id, cancellationToken);
        }

        return TypedResults.Json(
            new RetractedJson([.. accepted.Changes.Select(TagWishJson.Of)]), ApiJson.Default.RetractedJson, statusCode: StatusCodes.Status202Accepted);
    }

    private static IResult Refusal(WishResult result, ImageRef image, string to) => result switch
    {
        WishResult.NotFloating refused => Problems.NotFloating(image.ToString(), refused.Kind.ToText()),
        WishResult.NotPublished => Problems.NotPublished(image.Repository.ToString(), to),
        WishResult.IsRetracted refused => Problems.VersionRetracted(to, refused.By, refused.Reason),
        WishResult.NothingToRetract => Problems.NothingToRetract(image.ToString()),
        WishResult.OfRelease refused => Problems.OfRelease(image.ToString(), refused.ReleaseId),
        _ => Problems.ImageNotFound(image.ToString()),
    };

    private static bool TryReadImage(string? text, [NotNullWhen(true)] out ImageRef? image, [NotNullWhen(false)] out IResult? problem)
    {
        problem = ImageRef.TryParse(text, out image) ? null : Problems.InvalidParameter("reference", "HOST/REPOSITORY:TAG is expected, e.g. docker.io/acme/shop:1.2.");
        return image is not null;
    }

    /// <summary>One line of text: it is shown in logs, on pages and in terminals.</summary>
    private static bool TryReadReason(string? text, [NotNullWhen(true)] out string? reason, [NotNullWhen(false)] out IResult? problem)
    {
        reason = text?.Trim();
        var isLegal = reason is { Length: > 0 and <= MaxReason } && !reason.Any(char.IsControl);
        problem = isLegal ? null : Problems.InvalidParameter("reason", $"a line of 1 to {MaxReason} characters that says why is expected.");
        reason = isLegal ? reason : null;
        return isLegal;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Caller} wishes {Image} on {To}: {Reason}")]
        public static partial void Moved(ILogger logger, string caller, string image, string to, string reason);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "{Caller} retracted {What}: {Reason}")]
        public static partial void Retracted(ILogger logger, string caller, string what, string reason);

        [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "{Caller} handed {What} over to project {Project}: {Reason}")]
        public static partial void HandedOver(ILogger logger, string caller, string what, long project, string reason);
    }
}
