using System.Data.Common;
using ReleaseBot.Commands;
using ReleaseBot.Configuration;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Hosting;

/// <summary>Applies the database migrations.</summary>
internal static class MigrationRunner
{
    public static async Task<int> RunAsync(ReleaseBotSettings settings, Roles roles, MergedConfiguration configuration, CancellationToken cancellationToken)
    {
        await using var app = ServerHost.BuildOrTell(settings, Roles.None, configuration);
        if (app is null)
        {
            return ExitCode.Invalid;
        }

        var database = app.Services.GetRequiredService<HistoryDatabase>();
        try
        {
            var pending = await database.PendingMigrationsAsync(cancellationToken);
            await database.MigrateAsync(cancellationToken);
            Console.WriteLine(pending.Count == 0 ? "The database is up to date." : $"Applied {string.Join(", ", pending)}.");
            return 0;
        }
        catch (DbException exception)
        {
            var why = app.Services.GetRequiredService<SecretMask>().Apply(exception.Message);
            await Console.Error.WriteLineAsync($"releasebot: the database of Storage:ConnectionString can't be migrated: {why}");
            return 1;
        }
    }
}
