using System.Globalization;
using Microsoft.AspNetCore.Http.Features;
using ReleaseBot.StandIns.GitLab.Git;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>Every request comes in here: log, faults, token, and then the API, git, or the stand-in's own switches.</summary>
internal sealed class FrontDoor(GitLabStandIn gitLab)
{
    private readonly ApiRoutes _api = new(gitLab);
    private readonly SmartHttp _git = new(gitLab);
    private readonly ControlRoutes _control = new(gitLab);
    private readonly RequestLimit? _limit = gitLab.RequestLimit;
    private long _arrivals;

    public async Task HandleAsync(HttpContext context)
    {
        // The raw target, since the server decodes all of a path but %2F, and a ref's name may hold both.
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0];
        var root = gitLab.Options.Url.AbsolutePath.TrimEnd('/') + "/";
        var path = target.StartsWith(root, StringComparison.Ordinal) ? target[root.Length..] : null;
        if (path?.StartsWith("_standin/", StringComparison.Ordinal) == true)
        {
            await _control.HandleAsync(context, path["_standin/".Length..]);
            return;
        }

        var isKnown = true;
        var arrival = Interlocked.Increment(ref _arrivals);
        try
        {
            var faults = gitLab.Faults.For($"{context.Request.Method} {Uri.UnescapeDataString(target)}");
            isKnown = await SufferAsync(context, faults) || path is not null && await ServeAsync(context, path, faults);
            if (!isKnown)
            {
                await ApiAnswer.WriteAsync(context, StatusCodes.Status404NotFound, new { error = "404 Not Found" });
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client left.
        }
        finally
        {
            gitLab.Record(new StandInRequest(context.Request.Method, target, context.Request.QueryString.Value ?? "", context.Response.StatusCode, arrival), isKnown);
        }
    }

    private async Task<bool> ServeAsync(HttpContext context, string path, IReadOnlyList<StandInFault> faults)
    {
        const string ApiRoot = "api/v4/";
        if (!path.StartsWith(ApiRoot, StringComparison.Ordinal))
        {
            return await _git.HandleAsync(context, Uri.UnescapeDataString(path));
        }

        if (_limit is not null && !await _limit.AdmitAsync(context))
        {
            return true;
        }

        var token = context.Request.Headers["PRIVATE-TOKEN"].ToString();
        if (token.Length == 0 && context.Request.Headers.Authorization.ToString() is var header && header.StartsWith("Bearer ", StringComparison.Ordinal))
        {
            token = header["Bearer ".Length..];
        }

        var isReadOnly = gitLab.Options.ReadOnlyToken is { } readOnly && token == readOnly;
        if (!isReadOnly && token != gitLab.Options.Token)
        {
            await ApiAnswer.MessageAsync(context, StatusCodes.Status401Unauthorized, "401 Unauthorized");
            return true;
        }

        if (isReadOnly && !HttpMethods.IsGet(context.Request.Method))
        {
            await ApiAnswer.WriteAsync(context, StatusCodes.Status403Forbidden, new
            {
                error = "insufficient_scope",
                error_description = "The request requires higher privileges than provided by the access token.",
                scope = "api",
            });
            return true;
        }

        var segments = path[ApiRoot.Length..].TrimEnd('/').Split('/').Select(Uri.UnescapeDataString).ToArray();
        return await _api.HandleAsync(context, segments, faults, isReadOnly);
    }

    /// <summary>True when a fault took the place of the answer.</summary>
    private async Task<bool> SufferAsync(HttpContext context, IReadOnlyList<StandInFault> faults)
    {
        foreach (var fault in faults)
        {
            switch (fault.Kind)
            {
                case StandInFaultKind.Away:
                    context.Abort();
                    return true;
                case StandInFaultKind.Slow:
                    await Task.Delay(TimeSpan.FromSeconds(fault.DelaySeconds), TimeProvider.System, context.RequestAborted);
                    break;
                case StandInFaultKind.Status:
                    if (fault.RetryAfterSeconds is { } seconds)
                    {
                        context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
                    }

                    context.Response.StatusCode = fault.Status;
                    context.Response.ContentType = fault.Body is null ? "text/plain" : "application/json";
                    await context.Response.WriteAsync(fault.Body ?? (fault.Status == 429 ? "Retry later\n" : "GitLab is not responding"));
                    return true;
                case StandInFaultKind.MoveRef or StandInFaultKind.DeleteRef:
                    var project = gitLab.FindProject(fault.Project!) ?? throw new InvalidOperationException($"The fault names no project: {fault}");
                    await gitLab.UpdateRefAsync(project, fault.Ref!, fault.Kind == StandInFaultKind.MoveRef ? fault.To : null, "root", context.RequestAborted);
                    break;
            }
        }

        return false;
    }
}
