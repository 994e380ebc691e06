using ReleaseBot.StandIns.GitLab.Git;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>Tags, branches and files (doc/api/tags.md, branches.md, repository_files.md).</summary>
internal sealed class RepositoryRoutes(GitLabStandIn gitLab)
{
    public async Task ListTagsAsync(HttpContext context, StandInProject project)
    {
        var tags = await project.Repository.ListAsync("refs/tags/", context.RequestAborted);
        var ordered = context.Request.Query["sort"] == "asc" ? tags.Reverse() : tags;
        await ApiAnswer.PageAsync(context, gitLab.Url, ordered.Select(tag => ShowTag(project, tag)).ToList());
    }

    public static async Task GetTagAsync(HttpContext context, StandInProject project, string name)
    {
        if (await project.Repository.FindAsync("refs/tags/" + name, context.RequestAborted) is { } tag)
        {
            await ApiAnswer.WriteAsync(context, 200, ShowTag(project, tag));
        }
        else
        {
            await ApiAnswer.NotFoundAsync(context, "Tag");
        }
    }

    public async Task CreateTagAsync(HttpContext context, StandInProject project)
    {
        var body = await ApiAnswer.BodyAsync(context);
        var (name, commit) = (body.Text("tag_name"), body.Text("ref"));
        if (name is null || commit is null || await project.Repository.FindCommitAsync(commit, context.RequestAborted) is null)
        {
            await ApiAnswer.MessageAsync(context, 400, $"Target {commit} is invalid");
        }
        else if (await project.Repository.FindAsync("refs/tags/" + name, context.RequestAborted) is not null)
        {
            await ApiAnswer.MessageAsync(context, 400, $"Tag {name} already exists");
        }
        else
        {
            await gitLab.CreateTagAsync(project, name, commit, body.Text("message"), "releasebot", context.RequestAborted);
            await ApiAnswer.WriteAsync(context, 201, ShowTag(project, (await project.Repository.FindAsync("refs/tags/" + name, context.RequestAborted))!));
        }
    }

    public async Task DeleteTagAsync(HttpContext context, StandInProject project, string name)
    {
        if (await project.Repository.FindAsync("refs/tags/" + name, context.RequestAborted) is null)
        {
            await ApiAnswer.NotFoundAsync(context, "Tag");
            return;
        }

        await gitLab.UpdateRefAsync(project, "refs/tags/" + name, null, "releasebot", context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    public static async Task GetBranchAsync(HttpContext context, StandInProject project, string name)
    {
        if (await project.Repository.FindAsync("refs/heads/" + name, context.RequestAborted) is not { } branch)
        {
            await ApiAnswer.NotFoundAsync(context, "Branch");
            return;
        }

        await ApiAnswer.WriteAsync(context, 200, new
        {
            name = branch.Name,
            merged = false,
            @protected = project.IsProtected(branch.FullName),
            developers_can_push = false,
            developers_can_merge = false,
            can_push = true,
            @default = branch.Name == "main",
            web_url = $"{project.WebUrl}/-/tree/{branch.Name}",
            commit = ShowCommit(branch),
        });
    }

    /// <summary>doc/api/commits.md</summary>
    public static async Task GetCommitAsync(HttpContext context, StandInProject project, string sha)
    {
        if (await project.Repository.FindCommitAsync(sha, context.RequestAborted) is not { } commit)
        {
            await ApiAnswer.NotFoundAsync(context, "Commit");
            return;
        }

        await ApiAnswer.WriteAsync(context, 200, new
        {
            id = commit.Id,
            short_id = commit.Id[..8],
            created_at = commit.CommittedAt,
            title = commit.Title,
            committed_date = commit.CommittedAt,
        });
    }

    public static async Task GetFileAsync(HttpContext context, StandInProject project, string path)
    {
        var revision = context.Request.Query["ref"].FirstOrDefault() ?? "HEAD";
        if (await project.Repository.ReadFileAsync(revision, path, context.RequestAborted) is { } bytes)
        {
            context.Response.ContentType = "text/plain; charset=utf-8";
            await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        }
        else
        {
            await ApiAnswer.NotFoundAsync(context, "File");
        }
    }

    private static object ShowTag(StandInProject project, StoredRef tag) => new
    {
        name = tag.Name,
        message = tag.TagMessage,
        target = tag.Target,
        commit = ShowCommit(tag),
        release = project.Releases.TryGetValue(tag.Name, out var release) ? new { tag_name = release.TagName, description = release.Description } : null,
        @protected = project.IsProtected(tag.FullName),
        created_at = (string?)null,
    };

    private static object ShowCommit(StoredRef stored) => new
    {
        id = stored.Commit,
        short_id = stored.Commit[..8],
        created_at = stored.CommittedAt,
        title = stored.CommitTitle,
        message = stored.CommitTitle,
        committed_date = stored.CommittedAt,
    };
}
