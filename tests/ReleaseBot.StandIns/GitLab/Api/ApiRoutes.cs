using System.Globalization;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>The API's routes: what GitLab has and ReleaseBot uses, and nothing else.</summary>
internal sealed class ApiRoutes(GitLabStandIn gitLab)
{
    private readonly RepositoryRoutes _repository = new(gitLab);
    private readonly HookRoutes _hooks = new(gitLab);
    private readonly ArchiveRoute _archive = new(gitLab);

    /// <summary>False for a route that is not known.</summary>
    public async Task<bool> HandleAsync(HttpContext context, string[] segments, IReadOnlyList<StandInFault> faults, bool isReadOnly)
    {
        var answer = (context.Request.Method, segments) switch
        {
            ("GET", ["user"]) => ApiAnswer.WriteAsync(context, 200, new { id = 1, username = "releasebot", name = "ReleaseBot", state = "active" }),
            ("GET", ["personal_access_tokens", "self"]) => TokenAsync(context, isReadOnly),
            ("GET", ["projects"]) => ListProjectsAsync(context),
            ("GET", ["groups"]) => _hooks.ListGroupsAsync(context),
            (_, ["groups", var id, "hooks", .. var rest]) => _hooks.HandleGroup(context, id, rest),
            (_, ["projects", var id, .. var rest]) => WithProjectAsync(context, id, rest, faults),
            _ => null,
        };
        if (answer is not null)
        {
            await answer;
        }

        return answer is not null;
    }

    private Task? WithProjectAsync(HttpContext context, string id, string[] rest, IReadOnlyList<StandInFault> faults)
    {
        var project = long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? gitLab.FindProject(number) : gitLab.FindProject(id);
        if (project is null || !project.IsMember)
        {
            return ApiAnswer.NotFoundAsync(context, "Project");
        }

        return (context.Request.Method, rest) switch
        {
            ("GET", []) => GetProjectAsync(context, project, faults),
            ("GET", ["repository", "tags"]) => _repository.ListTagsAsync(context, project),
            ("POST", ["repository", "tags"]) => _repository.CreateTagAsync(context, project),
            ("GET", ["repository", "tags", var name]) => RepositoryRoutes.GetTagAsync(context, project, name),
            ("DELETE", ["repository", "tags", var name]) => _repository.DeleteTagAsync(context, project, name),
            ("GET", ["repository", "branches", var name]) => RepositoryRoutes.GetBranchAsync(context, project, name),
            ("GET", ["repository", "files", var path, "raw"]) => RepositoryRoutes.GetFileAsync(context, project, path),
            ("GET", ["repository", "commits", var sha]) => RepositoryRoutes.GetCommitAsync(context, project, sha),
            ("GET", ["repository", "archive.tar.gz"]) => _archive.GetAsync(context, project, faults),
            (_, ["protected_tags", ..]) => ProtectionRoutes.Handle(context, project.ProtectedTags, rest[1..], gitLab.Url),
            (_, ["protected_branches", ..]) => ProtectionRoutes.Handle(context, project.ProtectedBranches, rest[1..], gitLab.Url),
            ("POST", ["statuses", var sha]) => StatusRoute.SetAsync(context, project, sha),
            (_, ["hooks", ..]) => _hooks.HandleProject(context, project, rest[1..]),
            (_, ["releases", ..]) => ReleaseRoutes.Handle(context, project, rest[1..]),
            _ => null,
        };
    }

    private Task GetProjectAsync(HttpContext context, StandInProject project, IReadOnlyList<StandInFault> faults)
    {
        var other = faults.FirstOrDefault(fault => fault.Kind == StandInFaultKind.OtherProject);
        return WriteAsync(other is null ? project : gitLab.FindProject(other.Project!)!);

        async Task WriteAsync(StandInProject shown) => await ApiAnswer.WriteAsync(context, 200, await ShowAsync(shown, context.RequestAborted));
    }

    private async Task ListProjectsAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var shown = gitLab.Projects.AsEnumerable();
        if (query["membership"] == "true")
        {
            shown = shown.Where(project => project.IsMember);
        }

        if (query["archived"].Count > 0)
        {
            shown = shown.Where(project => project.IsArchived == (query["archived"] == "true"));
        }

        shown = query["order_by"] == "last_activity_at" ? shown.OrderByDescending(project => project.LastActivityAt) : shown.OrderByDescending(project => project.Id);
        await ApiAnswer.PageAsync(context, gitLab.Url, shown.ToList(), project => ShowAsync(project, context.RequestAborted));
    }

    private static async Task<object> ShowAsync(StandInProject project, CancellationToken cancellationToken)
    {
        var branches = await project.Repository.ListAsync("refs/heads/", cancellationToken);
        return new
        {
            project.Id,
            description = "",
            project.Name,
            path = project.Name,
            path_with_namespace = project.Path,
            default_branch = branches.Count == 0 ? null : "main",
            http_url_to_repo = project.CloneUrl,
            ssh_url_to_repo = $"git@{project.WebUrl.Host}:{project.Path}.git",
            project.WebUrl,
            project.LastActivityAt,
        };
    }

    private static Task TokenAsync(HttpContext context, bool isReadOnly) => ApiAnswer.WriteAsync(context, 200, new
    {
        id = 1,
        name = "releasebot",
        revoked = false,
        active = true,
        scopes = isReadOnly ? new[] { "read_api", "read_repository" } : ["api"],
        expires_at = "2099-12-31",
    });
}
