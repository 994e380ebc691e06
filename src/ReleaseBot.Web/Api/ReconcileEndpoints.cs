using System.ComponentModel;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

internal sealed record DisabledHookJson(
    [property: Description("project or group.")] string Kind,
    [property: Description("Of the project or group.")] string Path,
    [property: Description("GitLab's id of the hook.")] long Hook,
    [property: Description("temporarily_disabled or disabled, as GitLab names it.")] string Status,
    DateTimeOffset? DisabledUntil,
    [property: Description("When we first saw it so.")] DateTimeOffset Since,
    DateTimeOffset SeenAt,
    [property: Description("What came of the latest try to enable it by a test request.")] string? Attempt);

internal sealed record ReconcileJson(
    [property: Description("The round that goes on now.")] RoundJson? Running,
    [property: Description("The latest that ended.")] RoundJson? Last,
    [property: Description("Hooks of ours that GitLab sends nothing to, up to 1000.")] IReadOnlyList<DisabledHookJson> DisabledHooks);

/// <summary>What reconciling found.</summary>
internal static class ReconcileEndpoints
{
    private const int MaxHooks = 1000;

    public static void MapReconcile(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/reconcile", GetAsync)
            .Requires(AccessScope.Read)
            .WithApiProblems()
            .WithTags("Reconciling")
            .WithName("GetReconcile")
            .WithSummary("Show what the latest comparison of GitLab with the history found and cost, and the disabled hooks")
            .Produces<ReconcileJson>();

    private static async Task<IResult> GetAsync(ReconcileRounds rounds, DisabledHooks hooks, CancellationToken cancellationToken) =>
        TypedResults.Json(await ReadAsync(rounds, hooks, cancellationToken), ApiJson.Default.ReconcileJson);

    internal static async Task<ReconcileJson> ReadAsync(ReconcileRounds rounds, DisabledHooks hooks, CancellationToken cancellationToken)
    {
        var (running, last) = await rounds.LatestAsync(cancellationToken);
        return new ReconcileJson(RoundOf(running), RoundOf(last), [.. (await hooks.AllAsync(MaxHooks, cancellationToken)).Select(HookOf)]);
    }

    private static DisabledHookJson HookOf(DisabledHook hook) => new(
        hook.IsGroup ? "group" : "project", hook.OwnerPath, hook.HookId, hook.Status, hook.DisabledUntil, hook.Since, hook.SeenAt, hook.Attempt);

    /// <summary>Null also for a round that has shown nothing yet, or was written by a version that told other things.</summary>
    private static RoundJson? RoundOf(ReconcileRound? round)
    {
        try
        {
            return round is null ? null : JsonSerializer.Deserialize(round.Report, ApiJson.Default.RoundJson) is { Projects: not null } report ? report : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
