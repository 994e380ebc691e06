using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>What an operator can do to releases.</summary>
internal static partial class OperationEndpoints
{
    private const int MaxBodyBytes = 64 * 1024;

    public static void MapReleaseOperations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/releases").WithTags("Releases").Requires(AccessScope.Operate).WithApiProblems()
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes));
        group.MapPost("/", PublishAsync)
            .WithName("PublishRef")
            .WithSummary("Publish a ref that no hook announced")
            .WithDescription("The same verification and plan as for a webhook. A release that exists and can't be judged again is answered as it stands.")
            .Produces<ReleaseJson>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
            .ProducesProblem(StatusCodes.Status502BadGateway)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        group.MapPost("/{id:guid}/retry", RetryAsync)
            .WithName("RetryRelease")
            .WithSummary("Have a failed, rejected or canceled release judged again, as its next attempt")
            .Produces<ReleaseJson>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        group.MapPost("/{id:guid}/cancel", CancelAsync)
            .WithName("CancelRelease")
            .WithSummary("Cancel a release that has not ended")
            .WithDescription("During a push it stops before the next registry or tag; what is pushed stays.")
            .Produces<ReleaseJson>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<IResult> PublishAsync(
        PublishRequest request, HttpContext context, RefLookup lookup, ReleaseOperations operations, HistoryQueries history,
        [FromKeyedServices(WakeUps.Verify)] WakeUp verifier, ILogger<ReleaseOperations> logger)
    {
        var (found, problem) = await lookup.FindAsync(request, context.RequestAborted);
        if (found is null)
        {
            return problem!;
        }

        var caller = context.CallerName();
        var (id, isJudged) = await operations.CreateAsync(found.ToRelease(caller), context.RequestAborted);
        Log.Published(logger, caller, found.Project.Path, found.Ref.FullName, id);
        if (isJudged)
        {
            verifier.Set();
        }

        return await AnswerAsync(id, StatusCodes.Status202Accepted, history, context.RequestAborted);
    }

    private static async Task<IResult> RetryAsync(
        Guid id, HttpContext context, ReleaseOperations operations, HistoryQueries history,
        [FromKeyedServices(WakeUps.Verify)] WakeUp verifier, ILogger<ReleaseOperations> logger)
    {
        var caller = context.CallerName();
        var outcome = await operations.RetryAsync(id, context.RequestAborted);
        if (outcome == OperationOutcome.Done)
        {
            verifier.Set();
            Log.Retried(logger, caller, id);
        }

        return await AnswerAsync(outcome, id, "Only a failed, rejected or canceled one can be retried.", history, context.RequestAborted);
    }

    private static async Task<IResult> CancelAsync(
        Guid id, HttpContext context, ReleaseOperations operations, HistoryQueries history, ILogger<ReleaseOperations> logger)
    {
        var caller = context.CallerName();
        var outcome = await operations.CancelAsync(id, caller, context.RequestAborted);
        if (outcome == OperationOutcome.Done)
        {
            Log.Canceled(logger, caller, id);
        }

        return await AnswerAsync(outcome, id, "Only one that has not ended can be canceled.", history, context.RequestAborted);
    }

    private static async Task<IResult> AnswerAsync(
        OperationOutcome outcome, Guid id, string forbidden, HistoryQueries history, CancellationToken cancellationToken) => outcome switch
        {
            OperationOutcome.Done => await AnswerAsync(id, StatusCodes.Status202Accepted, history, cancellationToken),
            OperationOutcome.NotFound => Problems.ReleaseNotFound(id),
            OperationOutcome.Forbidden => Problems.StateForbids(id, (await history.StatusAsync(id, cancellationToken))?.ToText() ?? "gone", forbidden),
            _ => throw new System.Diagnostics.UnreachableException(),
        };

    private static async Task<IResult> AnswerAsync(Guid id, int status, HistoryQueries history, CancellationToken cancellationToken) =>
        await history.ReleaseAsync(id, cancellationToken) is { } release
            ? TypedResults.Json(ReleaseJson.Of(release), ApiJson.Default.ReleaseJson, statusCode: status)
            : Problems.ReleaseNotFound(id);

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Caller} has {Project} {Ref} published: release {ReleaseId}.")]
        public static partial void Published(ILogger logger, string caller, string project, string @ref, Guid releaseId);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "{Caller} has release {ReleaseId} judged again.")]
        public static partial void Retried(ILogger logger, string caller, Guid releaseId);

        [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "{Caller} cancels release {ReleaseId}.")]
        public static partial void Canceled(ILogger logger, string caller, Guid releaseId);
    }
}
