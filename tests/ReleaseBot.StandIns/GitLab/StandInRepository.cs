using System.Text;
using ReleaseBot.StandIns.GitLab.Git;

namespace ReleaseBot.StandIns.GitLab;

/// <summary>A developer's clone of a project: commits and tags are made with git here and pushed over HTTP, so that hooks fire as in life.</summary>
public sealed class StandInRepository : IDisposable
{
    private readonly GitLabStandIn _gitLab;
    private readonly DirectoryInfo _directory = System.IO.Directory.CreateTempSubdirectory("stand-in-clone-");

    private StandInRepository(GitLabStandIn gitLab, StandInProject project)
    {
        _gitLab = gitLab;
        Project = project;
    }

    public StandInProject Project { get; }

    /// <summary>The work tree.</summary>
    public string Directory => _directory.FullName;

    /// <summary>Makes an empty clone whose branch is <c>main</c>.</summary>
    public static async Task<StandInRepository> CreateAsync(GitLabStandIn gitLab, StandInProject project, CancellationToken cancellationToken)
    {
        var repository = new StandInRepository(gitLab, project);
        await repository.GitAsync(cancellationToken, "init", "--quiet", "--initial-branch=main");
        await repository.GitAsync(cancellationToken, "remote", "add", "origin", project.CloneUrl.AbsoluteUri);
        return repository;
    }

    /// <summary>Writes files (a null content deletes) and commits them.</summary>
    /// <returns>The commit.</returns>
    public async Task<string> CommitAsync(IReadOnlyDictionary<string, string?> files, string message, CancellationToken cancellationToken)
    {
        foreach (var (path, content) in files)
        {
            var file = Path.Combine(Directory, path);
            if (content is null)
            {
                File.Delete(file);
            }
            else
            {
                System.IO.Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                await File.WriteAllTextAsync(file, content, cancellationToken);
            }
        }

        await GitAsync(cancellationToken, "add", "--all");
        await GitAsync(cancellationToken, "commit", "--quiet", "--allow-empty", $"--message={message}");
        return await HeadAsync(cancellationToken);
    }

    public Task<string> HeadAsync(CancellationToken cancellationToken) => GitAsync(cancellationToken, "rev-parse", "HEAD");

    /// <summary>Tags HEAD, also where the tag exists; annotated if there is a message.</summary>
    /// <returns>What the tag names: the tag object, or the commit.</returns>
    public async Task<string> TagAsync(string name, string? message, CancellationToken cancellationToken)
    {
        await (message is null
            ? GitAsync(cancellationToken, "tag", "--force", "--", name)
            : GitAsync(cancellationToken, "tag", "--force", "--annotate", $"--message={message}", "--", name));
        return await GitAsync(cancellationToken, "rev-parse", $"refs/tags/{name}");
    }

    /// <summary>Pushes with the bot's token; a refspec is git's, e.g. <c>main</c>, <c>v1.0.0</c>, <c>+v1.0.0</c> to move, <c>:v1.0.0</c> to delete.</summary>
    public Task PushAsync(CancellationToken cancellationToken, params string[] refspecs) => PushAsync("releasebot", _gitLab.Options.Token, cancellationToken, refspecs);

    public async Task PushAsync(string user, string password, CancellationToken cancellationToken, params string[] refspecs)
    {
        var login = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        var environment = new Dictionary<string, string>
        {
            ["GIT_CONFIG_COUNT"] = "1",
            ["GIT_CONFIG_KEY_0"] = "http.extraHeader",
            ["GIT_CONFIG_VALUE_0"] = $"Authorization: Basic {login}",
        };
        await GitCommand.RunAsync(Directory, ["push", "--quiet", "origin", .. refspecs], cancellationToken, environment);
    }

    /// <summary>Any git command in the work tree; its output, trimmed.</summary>
    public async Task<string> GitAsync(CancellationToken cancellationToken, params string[] arguments) =>
        (await GitCommand.RunAsync(Directory, arguments, cancellationToken)).Trim();

    public void Dispose() => _directory.Delete(recursive: true);
}
