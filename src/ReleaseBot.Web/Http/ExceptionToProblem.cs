using System.Data.Common;
using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Turns what was thrown into a problem. The exception's text goes to the log and never to the caller.</summary>
internal sealed partial class ExceptionToProblem(ILogger<ExceptionToProblem> logger) : IExceptionHandler
{
    private const int ClientClosedRequest = 499;

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException or IOException && httpContext.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone; that is no error, and nobody is there to be told.
            httpContext.Response.StatusCode = ClientClosedRequest;
            return true;
        }

        await ProblemOf(httpContext, exception).ExecuteAsync(httpContext);
        return true;
    }

    private IResult ProblemOf(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case BadHttpRequestException { InnerException: JsonException json }:
                return Problems.UnreadableBodyAt(json.Path);
            case BadHttpRequestException bad:
                return Problems.ForStatus(bad.StatusCode);
            case var fault when HistoryDatabase.IsOfNul(fault):
                return Problems.UnreadableBody("A text holds the character U+0000, which no name here has.");
            case GitLabException { Fault: GitLabFault.Denied }:
                Log.GitLabFailed(logger, exception.Message);
                return Problems.GitLabDenied(exception.Message);
            case GitLabException gitLab:
                Log.GitLabFailed(logger, exception.Message);
                return GitLabAway(context, gitLab);
            case var away when StoreFault.Explain(away) is { } cause:
                Log.StoreRefuses(logger, context.Request.Method, PathOf(context), cause);
                context.Response.Headers.RetryAfter = "5";
                return Problems.ForStatus(StatusCodes.Status503ServiceUnavailable);
            case DbException or TimeoutException or { InnerException: DbException }:
                Log.StoreFailed(logger, context.Request.Method, PathOf(context), exception);
                context.Response.Headers.RetryAfter = "5";
                return Problems.ForStatus(StatusCodes.Status503ServiceUnavailable);
            default:
                Log.Unexpected(logger, context.Request.Method, PathOf(context), exception);
                return Problems.ForStatus(StatusCodes.Status500InternalServerError);
        }
    }

    /// <summary>Without its query, which may hold anything. The route is forgotten by now.</summary>
    private static string PathOf(HttpContext context) => context.Features.Get<IExceptionHandlerPathFeature>()?.Path ?? context.Request.Path;

    private static IResult GitLabAway(HttpContext context, GitLabException exception)
    {
        context.Response.Headers.RetryAfter = ((int)Math.Ceiling((exception.RetryAfter ?? TimeSpan.FromSeconds(10)).TotalSeconds)).ToString(null, null);
        return Problems.GitLabUnavailable(exception.Message, exception.RetryAfter);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Error, Message = "{Method} {Path} failed.")]
        public static partial void Unexpected(ILogger logger, string method, string path, Exception exception);

        [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "{Method} {Path}: the history can't be reached.")]
        public static partial void StoreFailed(ILogger logger, string method, string path, Exception exception);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "GitLab could not answer: {Reason}")]
        public static partial void GitLabFailed(ILogger logger, string reason);

        [LoggerMessage(EventId = 4, Level = LogLevel.Error, Message = "{Method} {Path}: {Cause}.")]
        public static partial void StoreRefuses(ILogger logger, string method, string path, string cause);
    }
}
