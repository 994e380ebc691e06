using System.ComponentModel;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>A webhook delivery as the list shows it.</summary>
internal record DeliveryJson(
    Guid Id,
    DateTimeOffset ReceivedAt,
    string Event,
    ProjectJson? Project,
    string? Ref,
    string? Before,
    string? After,
    string? User,
    [property: Description("accepted, ignored or duplicate.")] string Outcome,
    ReasonJson? Reason,
    Guid? Release,
    int BodyBytes)
{
    public static DeliveryJson Of(Delivery row) => new(
        row.Id, row.ReceivedAt, row.Event, ProjectOf(row), row.Ref, row.Before, row.After, row.User, row.Outcome.ToText(),
        ReasonJson.Of(row.ReasonCode, row.ReasonMessage), row.ReleaseId, row.BodyBytes);

    protected static ProjectJson? ProjectOf(Delivery row) => row.ProjectId is { } id ? new ProjectJson(id, row.ProjectPath ?? "", null) : null;
}

/// <summary>One delivery, with what its page shows besides.</summary>
internal sealed record DeliveryDetailJson : DeliveryJson
{
    public DeliveryDetailJson(DeliveryJson delivery)
        : base(delivery)
    {
    }

    [Description("GitLab's delivery id, or one made of the content.")]
    public required string Key { get; init; }

    [Description("Those that are kept.")]
    public required IReadOnlyDictionary<string, string> Headers { get; init; }
    public required string BodySha256 { get; init; }

    [Description("Null where it is not kept, as of an ignored delivery, or longer than 1 MB.")]
    public RawJson? Body { get; init; }
}

/// <summary>What judging a delivery again would come to.</summary>
internal sealed record ReplayPlanJson(
    Guid DeliveryId,
    [property: Description("accepted, ignored or duplicate.")] string Outcome,
    ReasonJson? Reason,
    [property: Description("The release that would be judged again, or stands already.")] Guid? Release,
    [property: Description("What the release would do; of an accepted delivery.")] PlanJson? Plan);

/// <summary>What GitLab's hooks brought, and what became of it.</summary>
internal static partial class DeliveryEndpoints
{
    private const int MaxShownBody = 1024 * 1024;

    public static void MapDeliveries(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/deliveries").WithTags("Deliveries").WithApiProblems();
        group.MapGet("/", ListAsync)
            .Requires(AccessScope.Read)
            .WithName("ListDeliveries")
            .WithSummary("List webhook deliveries, newest first")
            .Produces<PageJson<DeliveryJson>>();
        group.MapGet("/{id:guid}", GetAsync)
            .Requires(AccessScope.Read)
            .WithName("GetDelivery")
            .WithSummary("Get one delivery with its headers and body")
            .Produces<DeliveryDetailJson>()
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("/{id:guid}/replay", ReplayAsync)
            .Requires(AccessScope.Operate)
            .WithName("ReplayDelivery")
            .WithSummary("Judge a stored delivery again, by the rules of today")
            .WithDescription("With dryRun=true nothing is changed, and the answer is a ReplayPlanJson with status 200: the outcome and, of an accepted delivery, the plan of its release.")
            .Produces<DeliveryAnswer>(StatusCodes.Status202Accepted)
            .Produces<DeliveryAnswer>()
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> ListAsync(
        [FromQuery(Name = "project"), Description("Path with namespace, e.g. acme/shop, or the id of a project that the history knows.")] string? project,
        [FromQuery(Name = "outcome"), Description("accepted, ignored or duplicate.")] string? outcome,
        [FromQuery(Name = "limit"), Description("1 to 200; 50 if it is not given.")] string? limit,
        [FromQuery(Name = "cursor"), Description("The next of the page before.")] string? cursor,
        HistoryQueries history, CancellationToken cancellationToken)
    {
        var query = new QueryText();
        var filter = new DeliveryFilter
        {
            Project = query.Text("project", project),
            Outcome = query.Name<DeliveryOutcome>("outcome", outcome),
            Limit = query.Limit(limit),
            Before = query.Cursor(cursor),
        };
        if (query.Problem is { } problem)
        {
            return problem;
        }

        var page = await history.DeliveriesAsync(filter, cancellationToken);
        return TypedResults.Json(
            new PageJson<DeliveryJson>([.. page.Items.Select(DeliveryJson.Of)], PageCursor.Write(page.Next)), ApiJson.Default.PageJsonDeliveryJson);
    }

    private static async Task<IResult> GetAsync(Guid id, HistoryQueries history, CancellationToken cancellationToken)
    {
        if (await history.DeliveryAsync(id, cancellationToken) is not { } delivery)
        {
            return Problems.DeliveryNotFound(id);
        }

        var body = delivery.BodyBytes <= MaxShownBody ? await history.DeliveryBodyAsync(id, cancellationToken) : null;
        return TypedResults.Json(
            new DeliveryDetailJson(DeliveryJson.Of(delivery))
            {
                Key = delivery.Key,
                Headers = JsonSerializer.Deserialize(delivery.Headers, ApiJson.Default.DictionaryStringString) ?? [],
                BodySha256 = delivery.BodySha256,
                Body = body is null ? null : new RawJson(body),
            },
            ApiJson.Default.DeliveryDetailJson);
    }

    private static async Task<IResult> ReplayAsync(
        Guid id, [FromQuery(Name = "dryRun"), Description("true: only say what would become of it.")] string? dryRun, HttpContext context,
        HistoryQueries history, DeliveryReceiver receiver, ReplayPlanner planner, ReleaseBotSettings settings, TimeProvider time,
        ILogger<DeliveryReceiver> logger)
    {
        var query = new QueryText();
        var isDryRun = query.Flag("dryRun", dryRun);
        if (query.Problem is { } problem)
        {
            return problem;
        }

        if (await history.DeliveryAsync(id, context.RequestAborted) is not { } delivery)
        {
            return Problems.DeliveryNotFound(id);
        }

        var body = await history.DeliveryBodyAsync(id, context.RequestAborted) ?? [];
        if ((body.Length > 0 ? HookPayload.Parse(delivery.Event, body) : StoredUpdate(delivery)) is not { } happened)
        {
            return Problems.NotReplayable(
                $"It was ignored ({delivery.ReasonCode?.ToText() ?? "no reason kept"}) and its body is not kept. Have GitLab send it again.");
        }

        var judged = DeliveryJudge.Judge(new DeliveryEnvelope(delivery.Key, time.GetUtcNow(), delivery.Event, delivery.Headers, body), happened, settings.Projects);
        if (isDryRun)
        {
            return await planner.PlanAsync(id, judged, delivery.ReleaseId, context.RequestAborted);
        }

        Log.Replayed(logger, context.CallerName(), id);
        if (judged.Ignored is { } reason)
        {
            return IntakeEndpoints.Answer(new StoredDelivery(id, DeliveryOutcome.Ignored, reason, null));
        }

        return await receiver.StoreAsync(judged) is { } stored ? IntakeEndpoints.Answer(stored) : Problems.NotStored();
    }

    /// <summary>An ignored delivery's body is not kept; what it said of the ref is.</summary>
    private static HookEvent.RefUpdated? StoredUpdate(Delivery delivery) =>
        delivery is { ProjectId: { } projectId, ProjectPath: { } path }
        && GitRef.TryParse(delivery.Ref, out var gitRef)
        && ObjectId.TryParse(delivery.Before, out var before)
        && ObjectId.TryParse(delivery.After, out var after)
            ? new HookEvent.RefUpdated
            {
                RefKind = gitRef.Kind,
                FullRef = gitRef.FullName,
                Ref = gitRef,
                Before = before,
                After = after,
                ProjectId = projectId,
                ProjectPath = path,
                User = delivery.User,
            }
            : null;

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Caller} has delivery {DeliveryId} judged again.")]
        public static partial void Replayed(ILogger logger, string caller, Guid deliveryId);
    }
}
