using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

internal sealed record QueuedReleaseJson(
    Guid Id, string Project, string Ref, string? Version, string Status, int Attempt,
    [property: Description("Its place among those that wait, from 1; null while it runs.")] int? Position,
    [property: Description("In words; null while it runs.")] string? WaitsFor,
    [property: Description("When it is looked at again, at the latest.")] DateTimeOffset? NextAt,
    [property: Description("Who has it now.")] string? Worker,
    DateTimeOffset CreatedAt);

internal sealed record WorkerJson(
    string Name,
    [property: Description("The id that its Docker engine gives itself; workers of one engine share layers.")] string? Engine,
    DateTimeOffset StartedAt, DateTimeOffset SeenAt, bool IsAlive, int Slots, int Running,
    [property: Description("Since when it takes no more releases, by an operator's wish.")] DateTimeOffset? PausedAt,
    [property: Description("Since when its engine's disk has no room for a build, though the build cache was emptied.")] DateTimeOffset? EngineFullSince);

internal sealed record QueueJson(DateTimeOffset At, IReadOnlyList<QueuedReleaseJson> Waiting, IReadOnlyList<QueuedReleaseJson> Running, IReadOnlyList<WorkerJson> Workers);

/// <summary>What is not finished, and who works on it.</summary>
internal static class QueueEndpoints
{
    private const int MaxWaiting = 500;

    public static void MapQueue(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/queue", GetAsync)
            .Requires(AccessScope.Read)
            .WithApiProblems()
            .WithTags("Queue")
            .WithName("GetQueue")
            .WithSummary("List waiting and running releases, what each waits for, and the workers")
            .WithDescription($"What runs, and of what waits the first {MaxWaiting} at the most, in the order in which they will be taken up: one of each project in turn, and last what was put off until later. "
                + "A worker whose engine has a project's layers may take it somewhat earlier.")
            .Produces<QueueJson>();

    private static async Task<IResult> GetAsync(QueueView queue, CancellationToken cancellationToken) =>
        TypedResults.Json(Of(await queue.ReadAsync(MaxWaiting, cancellationToken)), ApiJson.Default.QueueJson);

    internal static QueueJson Of(QueueSnapshot snapshot)
    {
        List<QueuedReleaseJson> waiting = [];
        List<QueuedReleaseJson> running = [];
        foreach (var release in snapshot.Releases)
        {
            if (IsHeld(release, snapshot.At))
            {
                running.Add(Row(release, null, null, null));
            }
            else
            {
                waiting.Add(Row(release, waiting.Count + 1, WaitsFor(release, snapshot), release.NotBefore > snapshot.At ? release.NotBefore : null));
            }
        }

        return new QueueJson(snapshot.At, waiting, running, [.. snapshot.Workers.Select(worker => new WorkerJson(
            worker.Name, worker.Engine, worker.StartedAt, worker.SeenAt, worker.IsAlive(snapshot.At), worker.Slots, worker.Running, worker.PausedAt,
            worker.FullSince))]);
    }

    internal static string WaitsFor(Release release, QueueSnapshot snapshot)
    {
        if (release.NotBefore > snapshot.At && release.Reason is { } reason)
        {
            return $"another try: {reason.Message}";
        }

        if (release.Status == ReleaseStatus.Verifying)
        {
            return "GitLab to say whether the ref is protected";
        }

        if (release.Status == ReleaseStatus.Queued && release.QueuedAt is { } queuedAt && snapshot.At - queuedAt < RunQueue.OrderKept
            && snapshot.Releases.FirstOrDefault(other => IsOlderInProject(other, release)) is { Id: var older })
        {
            return $"release {older}, which came before it and is still asked about at GitLab, until {queuedAt + RunQueue.OrderKept:u} at the latest";
        }

        if (OtherIn(snapshot.HeldRepositories, release, holder => holder != release.Id) is (var repository, var other))
        {
            return $"release {other}, which publishes to {repository} now";
        }

        if (OtherIn(snapshot.FirstsInLine, release, first => first.CompareTo(release.Id) < 0) is (var line, var first))
        {
            return $"release {first}, which came before it and publishes to {line} too";
        }

        var alive = snapshot.Workers.Where(worker => worker.IsAlive(snapshot.At)).ToList();
        if (alive.TrueForAll(worker => worker.PausedAt is not null))
        {
            return alive.Count == 0 ? "a worker: none was seen in the last minute" : "a worker: all are paused";
        }

        if (alive.TrueForAll(worker => worker.PausedAt is not null || worker.Engine is null))
        {
            return "a Docker engine: no worker reaches its own";
        }

        if (BoundTo(release, snapshot) is var (engine, why)
            && alive.FindAll(worker => worker.PausedAt is null && worker.Engine == engine && HasRoom(worker, release)) is { Count: > 0 } own)
        {
            return $"a free slot of {string.Join(" or ", own.Select(worker => worker.Name))}, whose engine {why}";
        }

        return release.LeaseUntil is null ? FreeSlot(release, alive) : $"another worker to take it over: {release.Owner} was last heard of before {release.LeaseUntil:u}";
    }

    /// <summary>The engine whose workers alone may take it, as long as one of them is there.</summary>
    private static (string Engine, string Why)? BoundTo(Release release, QueueSnapshot snapshot) =>
        release.RoomEngine is { } room ? (room, "has made room for its build")
        : snapshot.BuiltAt.TryGetValue(release.Id, out var engine) ? (engine, "alone has its image so far")
        : null;

    private static string FreeSlot(Release release, List<WorkerHeartbeat> alive)
    {
        var able = alive.FindAll(worker => worker.PausedAt is null && worker.Engine is not null);
        if (able.Exists(worker => HasRoom(worker, release)))
        {
            able.RemoveAll(worker => !HasRoom(worker, release));
        }

        var slots = able.Sum(worker => worker.Slots);
        return able.Sum(worker => worker.Running) < slots ? "a worker's free slot" : $"a worker's free slot: {(slots == 1 ? "the only one is" : $"all {slots} are")} taken";
    }

    /// <summary>What is built already needs none.</summary>
    private static bool HasRoom(WorkerHeartbeat worker, Release release) => worker.FullSince is null || release.ImageId is not null;

    /// <summary>The first of the release's repositories in which such another stands, with that one.</summary>
    private static (string Repository, Guid Release)? OtherIn(IReadOnlyDictionary<string, Guid> byRepository, Release release, Func<Guid, bool> isOther)
    {
        foreach (var repository in release.Images.Select(image => image.Image.Repository.ToString()))
        {
            if (byRepository.TryGetValue(repository, out var other) && isOther(other))
            {
                return (repository, other);
            }
        }

        return null;
    }

    private static bool IsOlderInProject(Release other, Release release) =>
        other.Status == ReleaseStatus.Verifying && other.ProjectId == release.ProjectId && other.Id.CompareTo(release.Id) < 0;

    private static bool IsHeld(Release release, DateTimeOffset now) =>
        release.Status is ReleaseStatus.Building or ReleaseStatus.Pushing && release.LeaseUntil >= now;

    private static QueuedReleaseJson Row(Release release, int? position, string? waitsFor, DateTimeOffset? nextAt) => new(
        release.Id, release.ProjectPath, release.Ref.FullName, release.Version, release.Status.ToText(), release.Attempt, position, waitsFor, nextAt,
        position is null ? release.Owner : null, release.CreatedAt);
}
