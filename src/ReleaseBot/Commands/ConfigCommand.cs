using System.CommandLine;
using ReleaseBot.Configuration;

namespace ReleaseBot.Commands;

internal static class ConfigCommand
{
    public static Command Create(CommandEnvironment environment)
    {
        Command command = new("config", "List every key of the configuration with its type, default and meaning.");
        command.SetAction(_ =>
        {
            ConfigurationReference.WriteText(environment.Out);
            return ExitCode.Ok;
        });
        return command;
    }
}
