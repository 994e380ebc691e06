using System.ComponentModel;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>A release's log, whole or live.</summary>
internal static class LogEndpoints
{
    private const string EventStream = "text/event-stream";

    public static void MapReleaseLog(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/releases/{id:guid}/log", GetAsync)
            .Requires(AccessScope.Read)
            .WithApiProblems()
            .WithTags("Releases")
            .WithName("GetReleaseLog")
            .WithSummary("Read a release's log, whole or live")
            .WithDescription(
                "Plain text, or with Accept: text/event-stream the log so far and then what comes until the release ends. An event's id can be sent "
                + "back as Last-Event-ID; the event \"end\" carries the release's status.")
            .Produces<string>(StatusCodes.Status200OK, "text/plain", EventStream)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status410Gone)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task GetAsync(
        HttpContext context, Guid id, [FromQuery(Name = "after"), Description("Only what follows this event id.")] string? after,
        HistoryQueries history, ReleaseLogStore logs, LogFollowers followers, RetentionSettings retention, TimeProvider time, IHostApplicationLifetime lifetime)
    {
        if (after is not null && !after.All(char.IsAsciiDigit))
        {
            await Problems.InvalidParameter("after", "the id of an event of this log is expected, a whole number.").ExecuteAsync(context);
            return;
        }

        if (await history.StatusAsync(id, context.RequestAborted) is not { } status)
        {
            await Problems.ReleaseNotFound(id).ExecuteAsync(context);
            return;
        }

        if (status.IsFinal() && await logs.IsSweptAsync(id, context.RequestAborted))
        {
            await Problems.LogNotKept(NotKept(retention)).ExecuteAsync(context);
            return;
        }

        if (!WantsEvents(context.Request))
        {
            await LogText.WriteAsync(context, id, await PositionAsync(after, id, logs, context.RequestAborted), logs, context.RequestAborted);
            return;
        }

        if (context.Features.Get<HeadersOnly>() is not null)
        {
            LogStream.SetHeaders(context.Response);
            return;
        }

        await using var follower = followers.TryFollow(id);
        if (follower is null)
        {
            context.Response.Headers.RetryAfter = "10";
            await Problems.TooManyFollowers().ExecuteAsync(context);
            return;
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            var seen = context.Request.Headers["Last-Event-ID"].ToString();
            var position = await PositionAsync(seen.Length > 0 ? seen : after, id, logs, either.Token);
            await new LogStream(context, id, follower, logs, time).WriteAsync(position, either.Token);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            // The follower has gone, or we are about to: it comes back by itself with the id of the last event.
        }
    }

    private static bool WantsEvents(HttpRequest request) =>
        request.GetTypedHeaders().Accept.Any(accepted => accepted.MediaType.Equals(EventStream, StringComparison.OrdinalIgnoreCase));

    /// <summary>For whoever asks for a log that was removed.</summary>
    public static string NotKept(RetentionSettings retention) =>
        string.Create(CultureInfo.InvariantCulture, $"Logs are removed after {retention.Logs:c} (Retention:Logs, days first), and the release ended before that. The release itself is kept.");

    /// <summary>A last event id that is none of this log counts as none, and so does one beyond its end: the whole log is better than no log.</summary>
    private static async Task<long> PositionAsync(string? id, Guid releaseId, ReleaseLogStore logs, CancellationToken cancellationToken) =>
        long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) && sequence > 0
        && sequence <= await logs.LastAsync(releaseId, cancellationToken)
            ? sequence
            : 0;
}
