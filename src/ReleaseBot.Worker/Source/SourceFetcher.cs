using System.Text;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;

namespace ReleaseBot.Worker;

/// <summary>
/// Opens the source of a commit: GitLab's archive as a stream, or a shallow fetch by git where the tree has submodules (an archive leaves
/// them empty) or where GitLab's limit on archives is reached.
/// </summary>
internal sealed class SourceFetcher(GitLabClient gitLab, GitSource git, TimeProvider time)
{
    private const int MaxFileBytes = 1 << 20;

    /// <summary>What decides how the tree is fetched and what of it is sent. GitLab is asked for all of it at once.</summary>
    /// <exception cref="GitLabException">GitLab can't be asked.</exception>
    /// <exception cref="FormatException">A pattern of .dockerignore can't be read; the message names the line.</exception>
    public async Task<SourceTree> LookAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        var rule = run.Rule;
        var folder = rule.Context.Trim('/') is "." or "" ? "" : rule.Context.Trim('/') + "/";
        string[] paths = [$"{folder}{rule.Dockerfile}.dockerignore", $"{folder}.dockerignore", ".gitmodules"];
        // The Dockerfile's own ignore file goes before the common one, as in BuildKit (frontend/dockerui/config.go).
        var files = await Task.WhenAll(paths.Select(path => gitLab.GetFileAsync(run.Release.ProjectId, run.Commit, path, MaxFileBytes, cancellationToken)));
        var ignore = files[0] ?? files[1];
        var options = new ContextOptions
        {
            Context = rule.Context,
            Dockerfile = rule.Dockerfile,
            Ignore = DockerIgnore.Parse(ignore is null ? null : Encoding.UTF8.GetString(ignore)),
        };
        return new SourceTree(options, HasSubmodules: files[2] is not null);
    }

    /// <exception cref="GitLabException">GitLab can't be had the source from.</exception>
    public async Task<ContextSource> OpenAsync(ReleaseRun run, SourceTree tree, CancellationToken cancellationToken)
    {
        if (tree.HasSubmodules)
        {
            run.Log.Say("the tree has submodules: fetching it by git");
            return await FetchByGitAsync(run, tree.Options, submodules: true, cancellationToken);
        }

        if (await TryOpenArchiveAsync(run, tree, cancellationToken) is { } archive)
        {
            return archive;
        }

        run.Log.Say("GitLab's limit on archives is reached: fetching the commit by git");
        return await FetchByGitAsync(run, tree.Options, submodules: false, cancellationToken);
    }

    /// <returns>GitLab's archive; null where it has to be git.</returns>
    /// <exception cref="GitLabException">GitLab can't be had the archive from.</exception>
    public async Task<ContextSource?> TryOpenArchiveAsync(ReleaseRun run, SourceTree tree, CancellationToken cancellationToken)
    {
        if (tree.HasSubmodules)
        {
            return null;
        }

        try
        {
            var archive = await gitLab.OpenArchiveAsync(run.Release.ProjectId, run.Commit, cancellationToken);
            return new ArchiveSource(gitLab, run.Release.ProjectId, run.Commit, tree.Options, archive);
        }
        catch (GitLabException exception) when (exception.Fault == GitLabFault.RateLimitedArchive)
        {
            return null;
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
}

/// <param name="HasSubmodules">Which an archive leaves empty.</param>
internal sealed record SourceTree(ContextOptions Options, bool HasSubmodules);
