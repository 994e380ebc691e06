using System.Data.Common;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Hosting;

/// <summary>Makes the history ready before anything is served.</summary>
internal static class StoreStart
{
    public static async Task PrepareAsync(IServiceProvider services, StorageSettings storage, CancellationToken cancellationToken)
    {
        var database = services.GetRequiredService<HistoryDatabase>();
        try
        {
            if (storage.Provider == StorageProvider.Sqlite)
            {
                await database.MigrateAsync(cancellationToken);
                // The lock file proves that we are alone: whatever is still held, its owner is dead.
                await services.GetRequiredService<RunQueue>().TakeBackAllAsync(cancellationToken);
            }
            else if (await database.PendingMigrationsAsync(cancellationToken) is { Count: > 0 } pending)
            {
                throw new StartException($"the database lacks {pending.Count} migration(s), up to {pending[^1]}. Run: releasebot migrate");
            }
        }
        catch (DbException exception)
        {
            throw new StartException($"the database of Storage:ConnectionString can't be used: {exception.Message}", exception);
        }
    }
}
