using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ReleaseBot.StandIns.GitLab.Git;

namespace ReleaseBot.StandIns.GitLab.Hooks;

/// <summary>The body of a push or tag_push hook, with every field that GitLab documents (lib/gitlab/data_builder/push.rb).</summary>
internal static class HookPayloads
{
    private const int MaxCommits = 20;
    private static readonly JsonSerializerOptions AsRails = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Built when the hook is sent, so that protection and checkout_sha are those of that moment.</summary>
    public static async Task<byte[]> BuildAsync(StandInProject project, RefChange change, string user, HookScope scope, CancellationToken cancellationToken)
    {
        var kind = change.IsTag ? "tag_push" : "push";
        var now = change.IsDeleted ? null : await project.Repository.FindAsync(change.Ref, cancellationToken);
        var (commits, total) = await CommitsAsync(project, change, now, cancellationToken);
        var body = new JsonObject
        {
            ["object_kind"] = kind,
            ["event_name"] = kind,
            ["before"] = change.Before,
            ["after"] = change.After,
            ["ref"] = change.Ref,
            ["ref_protected"] = project.IsProtected(change.Ref),
            ["checkout_sha"] = now?.Commit,
            ["message"] = now is not null && now.Target == change.After ? now.TagMessage : null,
            ["user_id"] = 1 + (Math.Abs(user.Sum(c => c)) % 1000),
            ["user_name"] = user,
            ["user_username"] = user,
            ["user_email"] = "",
            ["user_avatar"] = null,
            ["project_id"] = project.Id,
            ["project"] = await ProjectAsync(project, cancellationToken),
            // System hooks never show commits.
            ["commits"] = new JsonArray([.. scope == HookScope.System ? [] : commits.Select(commit => Commit(project, commit))]),
            ["total_commits_count"] = total,
            ["push_options"] = new JsonObject(),
            ["repository"] = new JsonObject
            {
                ["name"] = project.Name,
                ["url"] = Ssh(project),
                ["description"] = "",
                ["homepage"] = project.WebUrl.AbsoluteUri,
                ["git_http_url"] = project.CloneUrl.AbsoluteUri,
                ["git_ssh_url"] = Ssh(project),
                ["visibility_level"] = 0,
            },
        };
        return JsonSerializer.SerializeToUtf8Bytes(body, AsRails);
    }

    private static async Task<(IReadOnlyList<StoredCommit> Newest, int Total)> CommitsAsync(
        StandInProject project, RefChange change, StoredRef? now, CancellationToken cancellationToken)
    {
        if (change.IsDeleted)
        {
            return ([], 0);
        }

        if (!change.IsTag)
        {
            return await project.Repository.CommitsAsync(change.Before, change.After, MaxCommits, cancellationToken);
        }

        var commit = now is null ? null : await project.Repository.FindCommitAsync(now.Commit, cancellationToken);
        return commit is null ? ([], 0) : ([commit], 1);
    }

    private static async Task<JsonNode> ProjectAsync(StandInProject project, CancellationToken cancellationToken)
    {
        var branches = await project.Repository.ListAsync("refs/heads/", cancellationToken);
        return new JsonObject
        {
            ["id"] = project.Id,
            ["name"] = project.Name,
            ["description"] = "",
            ["web_url"] = project.WebUrl.AbsoluteUri,
            ["avatar_url"] = null,
            ["git_ssh_url"] = Ssh(project),
            ["git_http_url"] = project.CloneUrl.AbsoluteUri,
            ["namespace"] = project.Path.Split('/')[^2],
            ["visibility_level"] = 0,
            ["path_with_namespace"] = project.Path,
            ["default_branch"] = branches.Count == 0 ? null : "main",
            ["ci_config_path"] = null,
            ["homepage"] = project.WebUrl.AbsoluteUri,
            ["url"] = Ssh(project),
            ["ssh_url"] = Ssh(project),
            ["http_url"] = project.CloneUrl.AbsoluteUri,
        };
    }

    private static JsonObject Commit(StandInProject project, StoredCommit commit) => new()
    {
        ["id"] = commit.Id,
        ["message"] = commit.Message,
        ["title"] = commit.Title,
        ["timestamp"] = commit.CommittedAt.ToString("yyyy-MM-ddTHH:mm:sszzz", System.Globalization.CultureInfo.InvariantCulture),
        ["url"] = $"{project.WebUrl}/-/commit/{commit.Id}",
        ["author"] = new JsonObject { ["name"] = commit.AuthorName, ["email"] = commit.AuthorEmail },
        ["added"] = new JsonArray(),
        ["modified"] = new JsonArray(),
        ["removed"] = new JsonArray(),
    };

    private static string Ssh(StandInProject project) => $"git@{project.WebUrl.Host}:{project.Path}.git";
}
