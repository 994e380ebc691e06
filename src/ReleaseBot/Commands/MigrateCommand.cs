using System.CommandLine;

namespace ReleaseBot.Commands;

/// <summary>Needs no role, and so no webhook secret: a migration job knows the database only.</summary>
internal static class MigrateCommand
{
    public static Command Create(CommandEnvironment environment)
    {
        Command command = new("migrate", "Apply the database migrations, then exit. (serve does it itself only with SQLite.)");
        ServiceOptions options = new();
        options.AddTo(command, withRoles: false);
        command.SetAction((parsed, cancellationToken) => options.RunAsync(parsed, environment, withRoles: false, environment.Migrate, cancellationToken));
        return command;
    }
}
