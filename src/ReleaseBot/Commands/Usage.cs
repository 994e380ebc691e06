using System.CommandLine;
using ReleaseBot.Configuration;
using ReleaseBot.Core;

namespace ReleaseBot.Commands;

/// <summary>Wrong usage told in words with its cure, and examples of right usage.</summary>
internal static class Usage
{
    public static int Fail(CommandEnvironment environment, Command command, params IReadOnlyList<string> messages)
    {
        foreach (var message in messages)
        {
            environment.Error.WriteLine($"releasebot: {message}");
        }

        if (Examples(command) is [var example, ..])
        {
            environment.Error.WriteLine($"Example: {example}");
        }

        environment.Error.WriteLine($"See \"{FullName(command)} --help\".");
        return ExitCode.Invalid;
    }

    /// <summary>
    /// What is wrong with the command line: the library's own findings, and words that neither the command nor its options took. Those that look
    /// like keys of the configuration pass where the command reads it, to be judged there.
    /// </summary>
    public static IReadOnlyList<string> Mistakes(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var takesKeys = ServiceOptions.TakesKeys(command);
        List<string> mistakes = [.. parsed.Errors.Select(error => error.Message)];
        var mayBeValue = false;
        foreach (var token in parsed.UnmatchedTokens)
        {
            var isKey = takesKeys && token.StartsWith("--", StringComparison.Ordinal) && LooksLikeKey(token[2..]);
            if (token.StartsWith('-') && !isKey)
            {
                // Only the name: a value behind "=" may be a secret.
                mistakes.Add(Suggest(token.Split('=')[0], takesKeys ? "an option of this command, nor a key of the configuration" : "an option of this command", command.Options.Select(option => option.Name)));
            }
            else if (!isKey && !mayBeValue)
            {
                mistakes.Add(command.Subcommands.Count > 0
                    ? Suggest(token, "a command", command.Subcommands.Select(subcommand => subcommand.Name))
                    : $"a word too many stands on the command line.{(takesKeys ? " Keys of the configuration are written --Section:Key=value." : "")}");
            }

            mayBeValue = isKey && !token.Contains('=', StringComparison.Ordinal);
        }

        return mistakes;
    }

    public static IReadOnlyList<string> Examples(Command command) => command.Name switch
    {
        "releasebot" =>
        [
            "releasebot                                    run both roles, configured by ./appsettings.json",
            "releasebot check                              is everything reachable that the configuration names?",
            "releasebot publish acme/shop v1.2.3 --wait    publish a tag now, and follow it",
        ],
        "serve" =>
        [
            "releasebot serve",
            "releasebot serve --roles worker --config /etc/releasebot/worker.json",
            "releasebot serve --Urls http://0.0.0.0:8080 --GitLab:Url=https://gitlab.example",
        ],
        "migrate" => ["releasebot migrate --config /etc/releasebot/releasebot.json"],
        "check" => ["releasebot check", "releasebot check --roles web --config /etc/releasebot/web.json"],
        "publish" =>
        [
            "RELEASEBOT_TOKEN=… releasebot publish acme/shop v1.2.3 --wait",
            "releasebot publish 42 refs/heads/main --server https://releases.example --token-file ~/.releasebot-token",
        ],
        "plan" =>
        [
            "releasebot plan acme/shop v1.2.3",
            "releasebot plan acme/shop v2.0.0 --assume-commit 0123456789012345678901234567890123456789",
        ],
        "promote" =>
        [
            "RELEASEBOT_TOKEN=… releasebot promote docker.io/acme/shop:latest v1.2.2 --reason \"1.2.3 eats carts\" --wait",
        ],
        "retract" =>
        [
            "RELEASEBOT_TOKEN=… releasebot retract 01990000-0000-7000-8000-000000000001 --reason \"a secret is in it\"",
            "releasebot retract docker.io/acme/shop:v9.9.9 --reason \"somebody's test\"",
        ],
        "releases" =>
        [
            "releasebot releases --project acme/shop --status failed --status rejected",
            "releasebot releases --limit 500 --json",
        ],
        _ => [],
    };

    private static bool LooksLikeKey(string token) =>
        token.Split('=')[0] is { Length: > 0 } name && (name.Contains(':', StringComparison.Ordinal) || SettingsSchema.IsKnownSection(name));

    private static string Suggest(string typed, string kind, IEnumerable<string> legal)
    {
        var names = legal.ToList();
        return NearestName.Find(typed, names) is { } nearest
            ? $"\"{typed}\" is not {kind}. Did you mean {nearest}?"
            : $"\"{typed}\" is not {kind}.{(names.Count == 0 ? "" : $" Legal are {string.Join(", ", names)}.")}";
    }

    private static string FullName(Command command) => command.Parents.OfType<Command>().Any() ? $"releasebot {command.Name}" : command.Name;
}
