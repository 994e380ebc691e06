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
    public Task<int> RunAsync(
        ParseResult parsed, CommandEnvironment environment, bool withRoles, RunWithSettings run, CancellationToken cancellationToken) =>
        GoOnAsync(Read(parsed, environment, withRoles ? RolesOf(parsed) : Roles.None), environment, run, cancellationToken);

    /// <summary>As <see cref="RunAsync"/>. Where no roles are given, a process that has the secrets of one role alone is checked as that.</summary>
    public async Task<int> CheckAsync(ParseResult parsed, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        var reading = Read(parsed, environment, RolesOf(parsed));
        var areGiven = parsed.GetResult(_roles) is { Implicit: false };
        if (areGiven || OfSoleRole(reading) is not { } sole)
        {
            return await GoOnAsync(
                reading, environment, (settings, roles, configuration, token) => environment.Check(settings, roles, false, configuration, token), cancellationToken);
        }

        var role = sole.Roles.ToString().ToLowerInvariant();
        await environment.Error.WriteLineAsync("releasebot: for both roles the configuration lacks:".AsMemory(), cancellationToken);
        foreach (var problem in reading.Problems)
        {
            await environment.Error.WriteLineAsync($"  {problem}".AsMemory(), cancellationToken);
        }

        await environment.Error.WriteLineAsync($"A process of --roles {role} needs none of that, so this is checked as one. What it is to be, --roles says.".AsMemory(), cancellationToken);
        return await GoOnAsync(
            sole, environment, (settings, roles, configuration, token) => environment.Check(settings, roles, true, configuration, token), cancellationToken);
    }

    private Roles RolesOf(ParseResult parsed) => TryParseRoles(parsed.GetValue(_roles)!, out var roles)
        ? roles
        : throw new System.Diagnostics.UnreachableException("The option's validator has judged the roles.");

    private Reading Read(ParseResult parsed, CommandEnvironment environment, Roles roles)
    {
        var sources = environment.Sources with { ConfigFile = parsed.GetValue(_config), CommandLine = parsed.UnmatchedTokens };
        var (configuration, sourceProblems) = ConfigurationLoader.Load(sources);
        var (settings, problems) = SettingsReader.Read(configuration, roles);
        return new Reading(configuration, roles, sourceProblems.Count == 0 ? settings : null, [.. sourceProblems, .. problems]);
    }

    private static async Task<int> GoOnAsync(Reading reading, CommandEnvironment environment, RunWithSettings run, CancellationToken cancellationToken)
    {
        if (reading.Settings is not { } settings)
        {
            Tell(environment, reading.Problems);
            return ExitCode.Invalid;
        }

        foreach (var warning in SettingsWarnings.Of(settings))
        {
            await environment.Error.WriteLineAsync($"releasebot: warning: {warning}".AsMemory(), cancellationToken);
        }

        return await run(settings, reading.Roles, reading.Configuration, cancellationToken);
    }

    /// <summary>
    /// The reading for the role whose secrets are here, where all that both roles lack is the other's. A value that is there and wrong, or names a
    /// file that is not there, is nobody else's: it would be passed over here and keep the process from starting.
    /// </summary>
    private static Reading? OfSoleRole(Reading both)
    {
        if (both.Problems.Count == 0 || !both.Problems.All(problem => problem.IsAbsence))
        {
            return null;
        }

        foreach (var role in new[] { Roles.Web, Roles.Worker })
        {
            if (SettingsReader.Read(both.Configuration, role).Settings is { } settings)
            {
                return new Reading(both.Configuration, role, settings, []);
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

    /// <summary>The configuration as these roles see it.</summary>
    /// <param name="Settings">Null where there are problems.</param>
    private sealed record Reading(MergedConfiguration Configuration, Roles Roles, ReleaseBotSettings? Settings, IReadOnlyList<ConfigurationProblem> Problems);
}
