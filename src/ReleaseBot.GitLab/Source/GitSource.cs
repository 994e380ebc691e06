using Microsoft.Extensions.Logging;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>
/// Gets the source by git, shallow, where the archive will not do: for submodules, or when the archive's limit is reached. Needs git 2.28
/// or later on the worker.
/// </summary>
public sealed partial class GitSource(GitLabSettings settings, TimeProvider time, ILogger<GitSource> logger)
{
    /// <summary>Checks a commit out into a directory, which is made if need be and must be empty.</summary>
    /// <param name="cloneUrl">http or https, without credentials. GitLab's token is given to GitLab's own host only.</param>
    /// <param name="reference">Fetched by its name where the server does not hand out a commit by its own; it must then still name the commit.</param>
    /// <param name="submodules">Also submodules, and theirs: relative ones and those over HTTP or on GitLab's own host.</param>
    /// <exception cref="GitLabException">git's own words, without credentials.</exception>
    public async Task FetchAsync(
        Uri cloneUrl, ObjectId commit, GitRef reference, string directory, bool submodules, CancellationToken cancellationToken)
    {
        if (cloneUrl.Scheme != Uri.UriSchemeHttps && cloneUrl.Scheme != Uri.UriSchemeHttp || cloneUrl.UserInfo.Length > 0)
        {
            throw new ArgumentException("A clone URL over http or https is expected, without credentials.", nameof(cloneUrl));
        }

        Directory.CreateDirectory(directory);
        using var sandbox = new GitSandbox(settings);
        var git = new GitProcess(directory, sandbox.Environment, time);
        await RunAsync(git, "prepare a repository", ["init", "--quiet", $"--object-format={(commit.Value.Length == 64 ? "sha256" : "sha1")}"], cancellationToken);
        // Submodules with relative URLs are looked for beside this one.
        await RunAsync(git, "prepare a repository", ["remote", "add", "origin", cloneUrl.AbsoluteUri], cancellationToken);
        await FetchCommitAsync(git, commit, reference, cancellationToken);
        await RunAsync(git, $"check out {commit.Short}", ["checkout", "--quiet", "--force", "--detach", commit.Value], cancellationToken);
        if (submodules)
        {
            await FetchSubmodulesAsync(git, cancellationToken);
        }

        Log.Fetched(logger, commit.Short, reference.FullName);
    }

    private async Task FetchCommitAsync(GitProcess git, ObjectId commit, GitRef reference, CancellationToken cancellationToken)
    {
        string[] fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "origin"];
        var byCommit = await git.RunAsync([.. fetch, commit.Value], cancellationToken);
        if (byCommit.ExitCode == 0)
        {
            return;
        }

        if (!GitErrors.IsCommitNotOffered(byCommit))
        {
            throw GitErrors.From($"fetch {commit.Short}", byCommit, settings.Token);
        }

        Log.CommitNotOffered(logger, commit.Short, reference.FullName);
        await RunAsync(git, $"fetch {Printable.Text(reference.FullName, 100)}", [.. fetch, reference.FullName], cancellationToken);
        var head = await RunAsync(git, "read what it fetched", ["rev-parse", "--verify", "FETCH_HEAD^{commit}"], cancellationToken);
        if (head.Output.Trim() != commit.Value)
        {
            throw new GitLabException(GitLabFault.NotFound,
                $"{Printable.Text(reference.FullName, 100)} does not name {commit.Short} any more, and the server hands out no other commit.");
        }
    }

    private async Task FetchSubmodulesAsync(GitProcess git, CancellationToken cancellationToken)
    {
        string[] update = ["submodule", "update", "--quiet", "--init", "--recursive", "--jobs=4"];
        var shallow = await git.RunAsync([.. update, "--depth=1"], cancellationToken);
        if (shallow.ExitCode == 0)
        {
            return;
        }

        // A server that hands out only the heads of its refs has an older commit in the whole history alone.
        if (!GitErrors.IsCommitNotOffered(shallow))
        {
            throw GitErrors.From("fetch the submodules", shallow, settings.Token);
        }

        await RunAsync(git, "fetch the submodules' history", ["submodule", "foreach", "--quiet", "--recursive", "git fetch --quiet --unshallow origin || true"], cancellationToken);
        await RunAsync(git, "fetch the submodules", update, cancellationToken);
    }

    private async Task<GitResult> RunAsync(GitProcess git, string step, string[] arguments, CancellationToken cancellationToken)
    {
        var result = await git.RunAsync(arguments, cancellationToken);
        return result.ExitCode == 0 ? result : throw GitErrors.From(step, result, settings.Token);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "Fetched {Commit} of {Ref} by git.")]
        public static partial void Fetched(ILogger logger, string commit, string @ref);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "The git server does not hand out {Commit} by itself; fetching {Ref}.")]
        public static partial void CommitNotOffered(ILogger logger, string commit, string @ref);
    }
}
