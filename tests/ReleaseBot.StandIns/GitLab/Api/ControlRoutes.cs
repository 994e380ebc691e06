using System.Text.Json;
using System.Text.Json.Serialization;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>
/// The stand-in's own switches, for those outside its process: <c>POST /_standin/faults</c> (a fault or a list of them, as
/// <see cref="StandInFault"/> in camelCase), <c>DELETE /_standin/faults</c>, <c>GET /_standin/requests</c>, <c>/unexpected</c>,
/// <c>/deliveries</c>, <c>POST /_standin/deliveries/ID/resend</c>, <c>POST /_standin/hooks {"lost": true}</c>.
/// </summary>
internal sealed class ControlRoutes(GitLabStandIn gitLab)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    public async Task HandleAsync(HttpContext context, string path)
    {
        try
        {
            await (RouteAsync(context, path.Split('/')) ?? ApiAnswer.NotFoundAsync(context, "Switch"));
        }
        catch (Exception e) when (e is JsonException or BadHttpRequestException or InvalidOperationException)
        {
            await ApiAnswer.MessageAsync(context, 400, e.Message);
        }
    }

    private Task? RouteAsync(HttpContext context, string[] segments) => (context.Request.Method, segments) switch
    {
        ("POST", ["faults"]) => AddFaultsAsync(context),
        ("DELETE", ["faults"]) => ClearFaults(context),
        ("POST", ["hooks"]) => LoseHooksAsync(context),
        ("GET", ["requests"]) => context.Response.WriteAsJsonAsync(gitLab.Requests, Json, context.RequestAborted),
        ("GET", ["unexpected"]) => context.Response.WriteAsJsonAsync(gitLab.UnexpectedRequests, Json, context.RequestAborted),
        ("GET", ["deliveries"]) => context.Response.WriteAsJsonAsync(gitLab.Deliveries.Select(Show), Json, context.RequestAborted),
        ("POST", ["deliveries", var id, "resend"]) => ResendAsync(context, id),
        _ => null,
    };

    private async Task AddFaultsAsync(HttpContext context)
    {
        var body = (await context.Request.ReadFromJsonAsync<JsonElement>(context.RequestAborted));
        var faults = body.ValueKind == JsonValueKind.Array ? body.Deserialize<List<StandInFault>>(Json)! : [body.Deserialize<StandInFault>(Json)!];
        faults.ForEach(gitLab.AddFault);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private Task ClearFaults(HttpContext context)
    {
        gitLab.ClearFaults();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private async Task LoseHooksAsync(HttpContext context)
    {
        gitLab.LosesHooks = (await ApiAnswer.BodyAsync(context)).GetProperty("lost").GetBoolean();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task ResendAsync(HttpContext context, string id) =>
        await context.Response.WriteAsJsonAsync(Show(await gitLab.ResendAsync(id)), Json, context.RequestAborted);

    private static object Show(Hooks.StandInDelivery delivery) => new
    {
        delivery.Id,
        delivery.HookId,
        delivery.Event,
        delivery.Project,
        delivery.Ref,
        delivery.SentAt,
        delivery.Status,
        delivery.Answer,
        delivery.Error,
    };
}
