using System.Text;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;

namespace ReleaseBot.Worker;

/// <summary>
/// Opens the source of a commit: GitLab's archive as a stream, or a shallow fetch by git where the tree has submodules (an archive leaves
/// them empty) or where GitLab's limit on archives is reached.
/// </summary>
internal sealed class SourceFetcher(GitLabClient gitLab, GitSource git, TimeProvider time)
{
    private const int MaxIgnoreBytes = 1 << 20;

    /// <exception cref="GitLabException">GitLab can't be had the source from.</exception>
    /// <exception cref="FormatException">A pattern of .dockerignore can't be read; the message names the line.</exception>
    public async Task<ContextSource> OpenAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        var projectId = run.Release.ProjectId;
        var options = await OptionsAsync(projectId, run.Commit, run.Rule, cancellationToken);
        if (await gitLab.GetFileAsync(projectId, run.Commit, ".gitmodules", MaxIgnoreBytes, cancellationToken) is not null)
        {
            run.Log.Say("the tree has submodules: fetching it by git");
            return await FetchByGitAsync(run, options, submodules: true, cancellationToken);
        }

        try
        {
            var archive = await gitLab.OpenArchiveAsync(projectId, run.Commit, cancellationToken);
            return new ArchiveSource(gitLab, projectId, run.Commit, options, archive);
        }
        catch (GitLabException exception) when (exception.Fault == GitLabFault.RateLimitedArchive)
        {
            run.Log.Say("GitLab's limit on archives is reached: fetching the commit by git");
            return await FetchByGitAsync(run, options, submodules: false, cancellationToken);
        }
    }

    private async Task<ContextSource> FetchByGitAsync(ReleaseRun run, ContextOptions options, bool submodules, CancellationToken cancellationToken)
    {
        var project = await gitLab.GetProjectAsync(run.Release.ProjectId, cancellationToken)
            ?? throw new GitLabException(GitLabFault.NotFound, $"GitLab knows no project {run.Release.ProjectId} any more, or the token may not see it.");
        var directory = Path.Combine(Path.GetTempPath(), $"releasebot-{Guid.CreateVersion7(time.GetUtcNow()):N}");
        var tree = new WorkTreeSource(directory, options);
        try
        {
            await git.FetchAsync(project.HttpCloneUrl, run.Commit, run.Release.Ref, directory, submodules, cancellationToken);
            return tree;
        }
        catch
        {
            await tree.DisposeAsync();
            throw;
        }
    }

    private async Task<ContextOptions> OptionsAsync(long projectId, ObjectId commit, ProjectRule rule, CancellationToken cancellationToken)
    {
        var folder = rule.Context.Trim('/') is "." or "" ? "" : rule.Context.Trim('/') + "/";
        // The Dockerfile's own ignore file goes before the common one, as in BuildKit (frontend/dockerui/config.go).
        var ignore = await gitLab.GetFileAsync(projectId, commit, $"{folder}{rule.Dockerfile}.dockerignore", MaxIgnoreBytes, cancellationToken)
            ?? await gitLab.GetFileAsync(projectId, commit, $"{folder}.dockerignore", MaxIgnoreBytes, cancellationToken);
        return new ContextOptions
        {
            Context = rule.Context,
            Dockerfile = rule.Dockerfile,
            Ignore = DockerIgnore.Parse(ignore is null ? null : Encoding.UTF8.GetString(ignore)),
        };
    }
}
