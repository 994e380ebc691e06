using System.Globalization;
using ReleaseBot.StandIns.GitLab.Hooks;

namespace ReleaseBot.StandIns.GitLab;

/// <summary>The GitLab stand-in as a program, for a demo. Secrets come in files, one each.</summary>
internal static class GitLabProgram
{
    public const string Usage = """
        gitlab --url URL --data DIR --token-file FILE [--project PATH[:ID]]... [--protect RULE]... [--protect-branch RULE]...
               [--hook-url URL [--signing-token-file FILE] [--hook-token-file FILE]] [--push-user NAME:FILE]... [--archive-limit N]
        """;

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var given = Parse(arguments);
        var options = new GitLabStandInOptions
        {
            Url = new Uri(One(given, "--url") ?? "http://127.0.0.1:0"),
            DataDirectory = One(given, "--data"),
            Token = ReadSecret(One(given, "--token-file") ?? throw new ArgumentException("--token-file is missing.")),
            Users = given["--push-user"].Select(user => user.Split(':', 2)).ToDictionary(part => part[0], part => ReadSecret(part[1])),
            ArchiveLimitPerMinute = One(given, "--archive-limit") is { } limit ? int.Parse(limit, CultureInfo.InvariantCulture) : null,
        };
        await using var gitLab = await GitLabStandIn.StartAsync(options, cancellationToken);
        foreach (var project in given["--project"].Select(project => project.Split(':', 2)))
        {
            long? id = project.Length == 2 ? long.Parse(project[1], CultureInfo.InvariantCulture) : null;
            var added = await gitLab.AddProjectAsync(project[0], id, cancellationToken);
            given["--protect"].ToList().ForEach(rule => added.ProtectedTags.Add(rule));
            given["--protect-branch"].ToList().ForEach(rule => added.ProtectedBranches.Add(rule));
        }

        if (One(given, "--hook-url") is { } hookUrl)
        {
            gitLab.AddHook(new StandInHook
            {
                Url = new Uri(hookUrl),
                Scope = HookScope.System,
                SigningToken = One(given, "--signing-token-file") is { } signing ? ReadSecret(signing) : null,
                Token = One(given, "--hook-token-file") is { } token ? ReadSecret(token) : null,
            });
        }

        Console.WriteLine($"READY gitlab {gitLab.Url.AbsoluteUri.TrimEnd('/')}");
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return 0;
    }

    private static ILookup<string, string> Parse(IReadOnlyList<string> arguments)
    {
        string[] known =
        [
            "--url", "--data", "--token-file", "--project", "--protect", "--protect-branch", "--hook-url", "--signing-token-file",
            "--hook-token-file", "--push-user", "--archive-limit",
        ];
        if (arguments.Count % 2 != 0 || arguments.Where((_, index) => index % 2 == 0).FirstOrDefault(name => !known.Contains(name)) is not null)
        {
            throw new ArgumentException($"Options come in pairs, and are: {Usage}");
        }

        return arguments.Chunk(2).ToLookup(pair => pair[0], pair => pair[1]);
    }

    private static string? One(ILookup<string, string> given, string name) => given[name].LastOrDefault();

    private static string ReadSecret(string file) => File.ReadAllText(file).Trim();
}
