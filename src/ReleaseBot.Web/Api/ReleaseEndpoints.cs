using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>The filters of the list of releases, as they stand in the query.</summary>
internal sealed record ReleaseListQuery
{
    [FromQuery(Name = "project"), Description("Path with namespace, e.g. acme/shop, or the id.")]
    public string? Project { get; init; }

    [FromQuery(Name = "ref"), Description("Short or full name, e.g. v1.2.3 or refs/tags/v1.2.3.")]
    public string? Ref { get; init; }

    [FromQuery(Name = "version"), Description("SemVer without a leading v, e.g. 1.2.3.")]
    public string? Version { get; init; }

    [FromQuery(Name = "commit"), Description("The first 7 or more digits of the commit.")]
    public string? Commit { get; init; }

    [FromQuery(Name = "status"), Description("May be repeated: verifying, queued, building, pushing, published, rejected, failed, canceled, superseded.")]
    public string[]? Status { get; init; }

    [FromQuery(Name = "digest"), Description("sha256: and 64 hex digits: the releases that pushed it, under any of their tags.")]
    public string? Digest { get; init; }

    [FromQuery(Name = "image"), Description("HOST/REPOSITORY:TAG, or HOST/REPOSITORY for any tag of it.")]
    public string? Image { get; init; }

    [FromQuery(Name = "since"), Description("Created at or after this time (RFC 3339).")]
    public string? Since { get; init; }

    [FromQuery(Name = "until"), Description("Created at or before this time (RFC 3339).")]
    public string? Until { get; init; }

    [FromQuery(Name = "limit"), Description("1 to 200; 50 if it is not given.")]
    public string? Limit { get; init; }

    [FromQuery(Name = "cursor"), Description("The next of the page before.")]
    public string? Cursor { get; init; }

    /// <summary>The filter, or null and the problem with the first parameter that is not legal.</summary>
    public (ReleaseFilter? Filter, IResult? Problem) Read()
    {
        var query = new QueryText();
        var filter = new ReleaseFilter
        {
            Project = query.Text("project", Project),
            Ref = query.Text("ref", Ref),
            Version = query.Text("version", Version),
            Commit = query.Commit(Commit),
            Statuses = [.. (Status ?? []).Select(status => query.Name<ReleaseStatus>("status", status)).OfType<ReleaseStatus>().Distinct()],
            Digest = query.Digest(Digest),
            Image = query.Image(Image),
            Since = query.Time("since", Since),
            Until = query.Time("until", Until),
            Limit = query.Limit(Limit),
            Before = query.Cursor(Cursor),
        };
        return query.Problem is { } problem ? (null, problem) : (filter, null);
    }
}

/// <summary>What was, or is being, published.</summary>
internal static class ReleaseEndpoints
{
    public static void MapReleases(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/v1/releases").WithTags("Releases").Requires(AccessScope.Read).WithApiProblems();
        group.MapGet("/", ListAsync)
            .WithName("ListReleases")
            .WithSummary("List releases, newest first")
            .WithDescription("All filters can be combined. A page costs the same however deep it is.")
            .Produces<PageJson<ReleaseJson>>();
        group.MapGet("/{id:guid}", GetAsync)
            .WithName("GetRelease")
            .WithSummary("Get one release with its images and stages")
            .Produces<ReleaseJson>()
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> ListAsync([AsParameters] ReleaseListQuery query, HistoryQueries history, CancellationToken cancellationToken)
    {
        var (filter, problem) = query.Read();
        if (filter is null)
        {
            return problem!;
        }

        var page = await history.ReleasesAsync(filter, cancellationToken);
        return TypedResults.Json(
            new PageJson<ReleaseJson>([.. page.Items.Select(ReleaseJson.Of)], PageCursor.Write(page.Next)), ApiJson.Default.PageJsonReleaseJson);
    }

    private static async Task<IResult> GetAsync(Guid id, HistoryQueries history, CancellationToken cancellationToken) =>
        await history.ReleaseAsync(id, cancellationToken) is { } release
            ? TypedResults.Json(ReleaseJson.Of(release), ApiJson.Default.ReleaseJson)
            : Problems.ReleaseNotFound(id);
}
