using System.ComponentModel;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record WorkerRequest([property: Description("As /api/v1/queue names it, e.g. build-3/4711.")] string? Name);

/// <summary>Lets operators take a worker out of service and put it back: before an engine is changed, say.</summary>
internal static partial class WorkerEndpoints
{
    public static void MapWorkers(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/workers").Requires(AccessScope.Operate).WithApiProblems().WithTags("Queue");
        group.MapPost("/pause", (WorkerRequest request, HttpContext context, WorkerRegister workers, ILogger<WorkerRegister> logger) =>
                ChangeAsync(request, isPaused: true, context, workers, logger))
            .WithName("PauseWorker")
            .WithSummary("Have a worker take no more releases")
            .WithDescription("What it runs goes on to its end. The wish goes by the worker's name and outlives a crash: a process that comes back under the name is still "
                + "paused. It ends when the worker ends in order, with a resume, or when the name was not seen for a day.")
            .Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("/resume", (WorkerRequest request, HttpContext context, WorkerRegister workers, ILogger<WorkerRegister> logger) =>
                ChangeAsync(request, isPaused: false, context, workers, logger))
            .WithName("ResumeWorker")
            .WithSummary("Have a paused worker take releases again")
            .Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> ChangeAsync(
        WorkerRequest request, bool isPaused, HttpContext context, WorkerRegister workers, ILogger<WorkerRegister> logger)
    {
        if (request.Name is not { Length: > 0 } name)
        {
            return Problems.InvalidParameter("name", "required, a worker as /api/v1/queue names it");
        }

        if (!await workers.PauseAsync(name, isPaused, context.RequestAborted))
        {
            return Problems.WorkerNotFound(name);
        }

        Log.Changed(logger, name, isPaused ? "paused" : "resumed");
        return TypedResults.NoContent();
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Worker {Worker} was {State} over the API.")]
        public static partial void Changed(ILogger logger, string worker, string state);
    }
}
