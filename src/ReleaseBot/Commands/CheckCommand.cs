using System.CommandLine;

namespace ReleaseBot.Commands;

internal static class CheckCommand
{
    public static Command Create(CommandEnvironment environment)
    {
        Command command = new("check", "Ask GitLab, the registries, the engine, the store, the bus and the channels whether they are as the configuration has them.");
        ServiceOptions options = new();
        options.AddTo(command, withRoles: true);
        command.SetAction((parsed, cancellationToken) => options.CheckAsync(parsed, environment, cancellationToken));
        return command;
    }
}
