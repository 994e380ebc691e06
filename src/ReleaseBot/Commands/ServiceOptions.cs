using System.CommandLine;
using ReleaseBot.Configuration;
using ReleaseBot.Core;

namespace ReleaseBot.Commands;

/// <summary>The options of the commands that read the configuration, and what they have in common: nothing happens before it is known to be good.</summary>
internal sealed class ServiceOptions
{
    private const string ConfigOption = "--config";

    private readonly Option<string?> _config = new(ConfigOption) { HelpName = "FILE", Description = "A JSON file on top of ./appsettings.json." };

    private readonly Option<string> _roles = new("--roles")
    {
        HelpName = "web,worker",
        Description = "What this process does: web, worker or both.",
        DefaultValueFactory = _ => "web,worker",
    };

    public ServiceOptions()
    {
        _roles.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !TryParseRoles(result.Tokens[0].Value, out _))
            {
                result.AddError($"--roles takes web, worker or web,worker, not \"{result.Tokens[0].Value}\".");
            }
        });
    }

    public void AddTo(Command command, bool withRoles)
    {
        command.Add(_config);
        if (withRoles)
        {
            command.Add(_roles);
        }
    }

    /// <summary>The command takes keys of the configuration too, as all that have these options do.</summary>
    public static bool TakesKeys(Command command) => command.Options.Any(option => option.Name == ConfigOption);

    /// <summary>Reads and judges the configuration; exits with 2 and every problem, or goes on with <paramref name="run"/>.</summary>
    /// <param name="findsRoles">Where no roles are given and both can't be run here, the one that can.</param>
    public async Task<int> RunAsync(
        ParseResult parsed, CommandEnvironment environment, bool withRoles, RunWithSettings run, bool findsRoles, CancellationToken cancellationToken)
    {
        var roles = Roles.None;
        if (withRoles && !TryParseRoles(parsed.GetValue(_roles)!, out roles))
        {
            throw new System.Diagnostics.UnreachableException("The option's validator has judged the roles.");
        }

        var sources = environment.Sources with { ConfigFile = parsed.GetValue(_config), CommandLine = parsed.UnmatchedTokens };
        var (configuration, sourceProblems) = ConfigurationLoader.Load(sources);
        var (settings, problems) = SettingsReader.Read(configuration, roles);
        if (settings is null && findsRoles && parsed.GetResult(_roles) is null or { Implicit: true } && SoleRole(configuration) is var (role, read))
        {
            await environment.Error.WriteLineAsync(
                $"releasebot: this is checked as --roles {role.ToString().ToLowerInvariant()}: for both roles {string.Join(", ", problems.Select(problem => problem.Key).Distinct())} would have to be mended.".AsMemory(),
                cancellationToken);
            (roles, settings, problems) = (role, read, []);
        }

        if (settings is null || sourceProblems.Count > 0)
        {
            Tell(environment, [.. sourceProblems, .. problems]);
            return ExitCode.Invalid;
        }

        foreach (var warning in SettingsWarnings.Of(settings))
        {
            await environment.Error.WriteLineAsync($"releasebot: warning: {warning}".AsMemory(), cancellationToken);
        }

        return await run(settings, roles, configuration, cancellationToken);
    }

    /// <summary>The role that this configuration, with the secrets and files that are here, is meant for.</summary>
    private static (Roles Role, ReleaseBotSettings Settings)? SoleRole(MergedConfiguration configuration)
    {
        foreach (var role in new[] { Roles.Web, Roles.Worker })
        {
            if (SettingsReader.Read(configuration, role).Settings is { } settings)
            {
                return (role, settings);
            }
        }

        return null;
    }

    private static void Tell(CommandEnvironment environment, IReadOnlyList<ConfigurationProblem> problems)
    {
        environment.Error.WriteLine($"releasebot: the configuration has {(problems.Count == 1 ? "a problem" : $"{problems.Count} problems")}.");
        foreach (var problem in problems)
        {
            environment.Error.WriteLine($"  {problem}");
        }

        environment.Error.WriteLine("All keys are listed by \"releasebot config\" and in docs/configuration.md.");
    }

    private static bool TryParseRoles(string text, out Roles roles)
    {
        roles = Roles.None;
        foreach (var name in text.Split(',', StringSplitOptions.TrimEntries))
        {
            switch (name.ToLowerInvariant())
            {
                case "web":
                    roles |= Roles.Web;
                    break;
                case "worker":
                    roles |= Roles.Worker;
                    break;
                default:
                    return false;
            }
        }

        return true;
    }
}
