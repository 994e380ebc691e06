using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;

namespace ReleaseBot.Commands;

/// <summary>The executable's commands. <c>serve</c> is what runs where none is named.</summary>
internal static class CommandLineApplication
{
    private const string Name = "releasebot";

    public static async Task<int> RunAsync(string[] arguments, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        var parsed = Create(environment).Parse(arguments, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        try
        {
            return await RunAsync(parsed, environment, cancellationToken);
        }
        catch (OutputLostException exception) when (!IsServe(parsed))
        {
            // A closed pipe does not get here: the runtime's console writes on into nothing.
            TellOfLostOutput(environment, exception);
            return ExitCode.Failed;
        }
    }

    private static async Task<int> RunAsync(ParseResult parsed, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        if (parsed.Action is not { ClearsParseErrors: true } && Usage.Mistakes(parsed) is { Count: > 0 } mistakes)
        {
            return Usage.Fail(environment, parsed.CommandResult.Command, mistakes);
        }

        // The host itself ends on SIGTERM, in its own time; the library would cut it off after two seconds.
        return await parsed.InvokeAsync(
            new InvocationConfiguration { Output = environment.Out, Error = environment.Error, ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false },
            cancellationToken);
    }

    private static bool IsServe(ParseResult parsed) =>
        parsed.Action is not { ClearsParseErrors: true } && (parsed.CommandResult.Command.Name is Name or ServeCommand.Name);

    private static void TellOfLostOutput(CommandEnvironment environment, OutputLostException exception)
    {
        try
        {
            environment.Error.WriteLine($"releasebot: the output can't be written: {exception.Message.TrimEnd('.')}.");
        }
        catch (OutputLostException)
        {
            // Both go to the same place, and nobody is left to tell.
        }
    }

    private static Command Create(CommandEnvironment environment)
    {
        Command root = new(Name, "Turns protected GitLab tags into container images on several registries, and remembers every one.")
        {
            ServeCommand.Create(environment),
            MigrateCommand.Create(environment),
            CheckCommand.Create(environment),
            PublishCommand.Create(environment),
            PlanCommand.Create(environment),
            PromoteCommand.Create(environment),
            RetractCommand.Create(environment),
            ReleasesCommand.Create(environment),
            ConfigCommand.Create(environment),
        };
        ServeCommand.MakeDefaultOf(root, environment);

        // Some may be keys of the configuration; Usage judges the others, for all commands and with more to say than the library.
        root.TreatUnmatchedTokensAsErrors = false;

        HelpOption help = new();
        help.Action = new HelpWithExamples((HelpAction)help.Action!, environment);
        root.Add(help);
        root.Add(new VersionOption { Action = new PrintVersion(environment) });
        return root;
    }

    private sealed class HelpWithExamples(HelpAction help, CommandEnvironment environment) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = help.Invoke(parseResult);
            if (Usage.Examples(parseResult.CommandResult.Command) is { Count: > 0 } examples)
            {
                environment.Out.WriteLine("Examples:");
                foreach (var example in examples)
                {
                    environment.Out.WriteLine($"  {example}");
                }

                environment.Out.WriteLine();
            }

            return code;
        }
    }

    private sealed class PrintVersion(CommandEnvironment environment) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            environment.Out.WriteLine(typeof(CommandLineApplication).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion);
            return ExitCode.Ok;
        }
    }
}
