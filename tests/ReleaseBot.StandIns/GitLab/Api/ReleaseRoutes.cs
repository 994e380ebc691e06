using System.Text.Json;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>GitLab Releases and their links (doc/api/releases/index.md, releases/links.md).</summary>
internal static class ReleaseRoutes
{
    private static long _lastLinkId;

    public static Task? Handle(HttpContext context, StandInProject project, string[] rest) => (context.Request.Method, rest) switch
    {
        ("POST", []) => CreateAsync(context, project),
        ("GET", [var tag]) => WithAsync(context, project, tag, release => ApiAnswer.WriteAsync(context, 200, Show(release))),
        ("PUT", [var tag]) => WithAsync(context, project, tag, release => UpdateAsync(context, project, release)),
        ("POST", [var tag, "assets", "links"]) => WithAsync(context, project, tag, release => PutLinkAsync(context, project, release, null)),
        ("PUT", [var tag, "assets", "links", var id]) => WithAsync(context, project, tag, release => PutLinkAsync(context, project, release, id)),
        _ => null,
    };

    private static async Task CreateAsync(HttpContext context, StandInProject project)
    {
        var body = await ApiAnswer.BodyAsync(context);
        if (body.Text("tag_name") is not { } tag)
        {
            await ApiAnswer.WriteAsync(context, 400, new { error = "tag_name is missing" });
            return;
        }

        if (!project.BotMayCreateProtectedTags && project.IsProtected("refs/tags/" + tag))
        {
            await ApiAnswer.MessageAsync(context, 403, "You are not allowed to create this tag as it is protected.");
            return;
        }

        if (await project.Repository.FindAsync("refs/tags/" + tag, context.RequestAborted) is null)
        {
            await ApiAnswer.MessageAsync(context, 422, "Ref is not specified");
            return;
        }

        var links = body.TryGetProperty("assets", out var assets) && assets.TryGetProperty("links", out var list)
            ? list.EnumerateArray().Select(link => ReadLink(link, Interlocked.Increment(ref _lastLinkId), null)).ToList()
            : [];
        var release = new StandInRelease(tag, body.Text("name") ?? tag, body.Text("description"), links);
        if (Conflict(links) is { } conflict)
        {
            await ApiAnswer.MessageAsync(context, 400, conflict);
        }
        else if (!project.ReleasesByTag.TryAdd(tag, release))
        {
            await ApiAnswer.MessageAsync(context, 409, "Release already exists");
        }
        else
        {
            await ApiAnswer.WriteAsync(context, 201, Show(release));
        }
    }

    private static async Task UpdateAsync(HttpContext context, StandInProject project, StandInRelease release)
    {
        var body = await ApiAnswer.BodyAsync(context);
        var updated = release with { Name = body.Text("name") ?? release.Name, Description = body.Text("description") ?? release.Description };
        project.ReleasesByTag[release.TagName] = updated;
        await ApiAnswer.WriteAsync(context, 200, Show(updated));
    }

    private static async Task PutLinkAsync(HttpContext context, StandInProject project, StandInRelease release, string? id)
    {
        var body = await ApiAnswer.BodyAsync(context);
        var present = release.Links.FirstOrDefault(link => $"{link.Id}" == id);
        if (id is not null && present is null)
        {
            await ApiAnswer.NotFoundAsync(context, "Link");
            return;
        }

        var changed = ReadLink(body, present?.Id ?? Interlocked.Increment(ref _lastLinkId), present);
        List<StandInReleaseLink> links = [.. release.Links.Where(link => link.Id != changed.Id), changed];
        if (Conflict(links) is { } conflict)
        {
            await ApiAnswer.MessageAsync(context, 400, conflict);
            return;
        }

        project.ReleasesByTag[release.TagName] = release with { Links = links };
        await ApiAnswer.WriteAsync(context, present is null ? 201 : 200, changed);
    }

    private static Task WithAsync(HttpContext context, StandInProject project, string tag, Func<StandInRelease, Task> act) =>
        project.ReleasesByTag.TryGetValue(tag, out var release) ? act(release) : ApiAnswer.NotFoundAsync(context, "Release");

    private static StandInReleaseLink ReadLink(JsonElement body, long id, StandInReleaseLink? present) => new(
        id, body.Text("name") ?? present?.Name ?? "", body.Text("url") ?? present?.Url ?? "", body.Text("link_type") ?? present?.LinkType ?? "other");

    private static string? Conflict(List<StandInReleaseLink> links) =>
        links.Select(link => link.Name).Distinct().Count() < links.Count ? "Validation failed: Name has already been taken"
        : links.Select(link => link.Url).Distinct().Count() < links.Count ? "Validation failed: Url has already been taken"
        : links.Any(link => !Uri.TryCreate(link.Url, UriKind.Absolute, out _)) ? "Validation failed: Url is blocked"
        : null;

    private static object Show(StandInRelease release) => new
    {
        release.TagName,
        release.Name,
        release.Description,
        assets = new { count = release.Links.Count, links = release.Links },
    };
}
