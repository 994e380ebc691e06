using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ReleaseBot.Web;

internal sealed record LivenessJson(string Status);

internal sealed record DependencyJson(
    string Name,
    [property: Description("ok, failed, or degraded where the role works without it for a while.")] string Status,
    string? Detail);

internal sealed record ReadinessJson(
    [property: Description("ready or unavailable.")] string Status,
    IReadOnlyList<DependencyJson> Dependencies);

/// <summary>Whether the process lives, and whether it can do its work.</summary>
internal static class HealthEndpoints
{
    private const string Failed = "failed";
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(5);

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/healthz").WithTags("Health").IsOpen();
        group.MapGet("/live", () => TypedResults.Json(new LivenessJson("live"), ApiJson.Default.LivenessJson))
            .WithName("GetLiveness")
            .WithSummary("Answer that the process lives")
            .Produces<LivenessJson>();
        group.MapGet("/ready", ReadyAsync)
            .WithName("GetReadiness")
            .WithSummary("Say whether each dependency is there")
            .Produces<ReadinessJson>()
            .Produces<ReadinessJson>(StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> ReadyAsync(IEnumerable<IReadinessProbe> probes, TimeProvider time, CancellationToken cancellationToken)
    {
        var dependencies = await Task.WhenAll(probes.Select(probe => AskAsync(probe, time, cancellationToken)));
        var isReady = Array.TrueForAll(dependencies, dependency => dependency.Status != Failed);
        return TypedResults.Json(
            new ReadinessJson(isReady ? "ready" : "unavailable", dependencies),
            ApiJson.Default.ReadinessJson,
            statusCode: isReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<DependencyJson> AskAsync(IReadinessProbe probe, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(ProbeLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            // Also for a probe that does not heed its token.
            var detail = await probe.CheckAsync(either.Token).WaitAsync(either.Token);
            return new DependencyJson(probe.Name, detail is null ? "ok" : Word(probe), detail);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new DependencyJson(probe.Name, Word(probe), $"No answer within {ProbeLimit.TotalSeconds:0} s.");
        }
    }

    private static string Word(IReadinessProbe probe) => probe.IsEssential ? Failed : "degraded";
}
