using System.Text;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>
/// A home of git's own for one fetch: no configuration, hook, credential or protocol of the machine reaches it. The token is handed over
/// by GIT_ASKPASS: it stands in the environment of git's process alone, and is given only for GitLab's own host, wherever a submodule or a
/// redirect may lead.
/// </summary>
internal sealed class GitSandbox : IDisposable
{
    // $1 is git's prompt, e.g.: Password for 'https://oauth2@gitlab.example:8443':
    private const string AskPass = """
        #!/bin/sh
        case "$1" in
            "Username for '$RELEASEBOT_GIT_ORIGIN': ") printf '%s\n' oauth2 ;;
            "Password for '$RELEASEBOT_GIT_LOGIN': ") printf '%s\n' "$RELEASEBOT_GIT_TOKEN" ;;
            *) exit 1 ;;
        esac
        """;

    private readonly DirectoryInfo _home;

    public GitSandbox(GitLabSettings settings)
    {
        // Readable by us alone (mode 0700).
        _home = Directory.CreateTempSubdirectory("releasebot-git-");
        try
        {
            Environment = Prepare(settings);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyDictionary<string, string> Environment { get; }

    public void Dispose() => _home.Delete(recursive: true);

    private Dictionary<string, string> Prepare(GitLabSettings settings)
    {
        File.WriteAllText(Path.Combine(_home.FullName, ".gitconfig"), Configuration(settings.Url));
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = _home.FullName,
            ["XDG_CONFIG_HOME"] = _home.FullName,
            ["GIT_CONFIG_NOSYSTEM"] = "1",
            ["GIT_ATTR_NOSYSTEM"] = "1",
            ["GIT_TERMINAL_PROMPT"] = "0",
            ["GIT_ALLOW_PROTOCOL"] = "https:http",
            ["GIT_ASKPASS"] = WriteAskPass(),
            ["LC_ALL"] = "C.UTF-8",
        };
        if (settings.Token is { } token)
        {
            var origin = settings.Url.GetLeftPart(UriPartial.Authority);
            environment["RELEASEBOT_GIT_ORIGIN"] = origin;
            environment["RELEASEBOT_GIT_LOGIN"] = origin.Replace("://", "://oauth2@", StringComparison.Ordinal);
            environment["RELEASEBOT_GIT_TOKEN"] = token.Reveal().Trim();
        }

        if (settings.CaFile is { } caFile)
        {
            environment["GIT_SSL_CAINFO"] = Path.GetFullPath(caFile);
        }

        return environment;
    }

    private string WriteAskPass()
    {
        var path = Path.Combine(_home.FullName, "askpass");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        }

        using var file = new FileStream(path, options);
        file.Write(Encoding.UTF8.GetBytes(AskPass + "\n"));
        return path;
    }

    /// <summary>Read by every git process, those for submodules included. SSH addresses of our GitLab, usual in .gitmodules, are had over HTTP.</summary>
    private static string Configuration(Uri gitLab) => $"""
        [core]
            hooksPath = /dev/null
            autocrlf = false
        [credential]
            helper =
        [init]
            defaultBranch = main
        [advice]
            detachedHead = false
        [gc]
            auto = 0
        [maintenance]
            auto = false
        [http]
            lowSpeedLimit = 1
            lowSpeedTime = 60
        [url "{gitLab.AbsoluteUri.TrimEnd('/')}/"]
            insteadOf = git@{gitLab.Host}:
            insteadOf = ssh://git@{gitLab.Host}/

        """;
}
