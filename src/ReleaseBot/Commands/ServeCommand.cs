using System.CommandLine;

namespace ReleaseBot.Commands;

internal static class ServeCommand
{
    public const string Name = "serve";

    public static Command Create(CommandEnvironment environment)
    {
        Command command = new(Name, "Run the web role, the worker role, or both in one process (default).");
        MakeDefaultOf(command, environment);
        return command;
    }

    /// <summary>Lets the command do what <c>serve</c> does, with the same options.</summary>
    public static void MakeDefaultOf(Command command, CommandEnvironment environment)
    {
        ServiceOptions options = new();
        options.AddTo(command, withRoles: true);
        command.SetAction((parsed, cancellationToken) => options.RunAsync(parsed, environment, withRoles: true, environment.Serve, cancellationToken));
    }
}
