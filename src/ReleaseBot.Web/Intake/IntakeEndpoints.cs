using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>GitLab's webhooks: size, content type, sender, body, store, answer, in this order and nothing more.</summary>
internal static partial class IntakeEndpoints
{
    private const string RetryAfterSeconds = "30";
    private static readonly TimeSpan BodyLimit = TimeSpan.FromSeconds(30);

    public static void MapIntake(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/webhooks/gitlab", ReceiveAsync)
            .IsOpen()
            .WithTags("Webhooks")
            .WithName("ReceiveGitLabWebhook")
            .WithSummary("Take a delivery of GitLab's project, group or system hooks")
            .WithDescription("Let in by webhook-signature, or by X-Gitlab-Token where the delivery carries no signature. A 2xx means that the delivery is on disk.")
            .Produces<DeliveryAnswer>(StatusCodes.Status202Accepted)
            .Produces<DeliveryAnswer>()
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<IResult> ReceiveAsync(
        HttpContext context, WebhookSettings settings, WebhookAuthenticator authenticator, DeliveryReceiver receiver, ReleaseBotSettings rules,
        IntakeCounters counters, TimeProvider time, ILogger<DeliveryReceiver> logger)
    {
        var request = context.Request;
        if (request.ContentLength > settings.MaxBodyBytes)
        {
            return Problems.ForStatus(StatusCodes.Status413PayloadTooLarge);
        }

        if (!IsJson(request.ContentType))
        {
            return Problems.ForStatus(StatusCodes.Status415UnsupportedMediaType);
        }

        // A delivery without a signature is judged by its headers alone, so a stranger's body is not even read.
        if (!request.Headers.ContainsKey("webhook-signature") && authenticator.Verify(request.Headers, []) is WebhookVerdict.Refused early)
        {
            return Refuse(early, counters, logger);
        }

        using var body = await ReadBodyAsync(context, settings.MaxBodyBytes, time);
        if (body is null)
        {
            return Problems.ForStatus(StatusCodes.Status413PayloadTooLarge);
        }

        if (authenticator.Verify(request.Headers, body.Memory.Span) is WebhookVerdict.Refused refused)
        {
            return Refuse(refused, counters, logger);
        }

        return await StoreAsync(context, body, receiver, rules.Projects, time, logger);
    }

    private static async Task<IResult> StoreAsync(
        HttpContext context, PooledBody body, DeliveryReceiver receiver, IReadOnlyList<ProjectRule> rules, TimeProvider time, ILogger logger)
    {
        var header = DeliveryHeaders.Event(context.Request.Headers);
        HookEvent happened;
        try
        {
            happened = HookPayload.Parse(header, body.Memory.Span);
        }
        catch (HookFormatException exception)
        {
            Log.Unreadable(logger, header, exception.Message);
            return Problems.UnreadableBody(exception.Message);
        }

        var name = header ?? (happened as HookEvent.Unsupported)?.Event ?? "unnamed";
        var key = WebhookAuthenticator.DeliveryId(context.Request.Headers) ?? ContentKey(name, body.Memory.Span);
        var envelope = new DeliveryEnvelope(key, time.GetUtcNow(), name, DeliveryHeaders.Keep(context.Request.Headers), body.Memory);
        if (await receiver.StoreAsync(DeliveryJudge.Judge(envelope, happened, rules)) is { } stored)
        {
            return Answer(stored);
        }

        context.Response.Headers.RetryAfter = RetryAfterSeconds;
        return Problems.NotStored();
    }

    internal static IResult Answer(StoredDelivery stored)
    {
        var answer = new DeliveryAnswer(
            stored.DeliveryId, stored.Outcome.ToText(), ReasonJson.Of(stored.Reason), stored.ReleaseId is { } release ? [release] : []);
        return TypedResults.Json(answer, ApiJson.Default.DeliveryAnswer,
            statusCode: stored.Outcome == DeliveryOutcome.Accepted ? StatusCodes.Status202Accepted : StatusCodes.Status200OK);
    }

    private static async Task<PooledBody?> ReadBodyAsync(HttpContext context, int maxBytes, TimeProvider time)
    {
        // We count ourselves: the server's own limit is another, and may be below ours.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
        {
            feature.MaxRequestBodySize = null;
        }

        using var limit = new CancellationTokenSource(BodyLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, context.RequestAborted);
        try
        {
            return await PooledBody.ReadAsync(context.Request, maxBytes, either.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            throw new BadHttpRequestException("The body did not arrive in time.", StatusCodes.Status408RequestTimeout);
        }
    }

    private static IResult Refuse(WebhookVerdict.Refused refused, IntakeCounters counters, ILogger logger)
    {
        counters.CountRefused();
        Log.Refused(logger, refused.Why);
        return Problems.DeliveryRefused();
    }

    /// <summary>An older GitLab sends no id; the same event with the same body is then the same delivery.</summary>
    private static string ContentKey(string name, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(name));
        hash.AppendData([(byte)'\n']);
        hash.AppendData(body);
        return NewDelivery.ContentKey + Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static bool IsJson(string? contentType) =>
        Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(contentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase);

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "A delivery was not let in: {Why}")]
        public static partial void Refused(ILogger logger, string why);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "A delivery of {Event} can't be read: {Why}")]
        public static partial void Unreadable(ILogger logger, string? @event, string why);
    }
}
