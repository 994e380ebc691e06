using System.Data.Common;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Hosting;

/// <summary>Makes the history ready before anything is served.</summary>
internal static partial class StoreStart
{
    /// <summary>How long a server that is away is waited for: it may be starting as we are.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    public static async Task PrepareAsync(IServiceProvider services, StorageSettings storage, CancellationToken cancellationToken)
    {
        var database = services.GetRequiredService<HistoryDatabase>();
        try
        {
            await WaitForServerAsync(database, services, cancellationToken);
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
            // PostgreSQL names the user that it refuses.
            var why = services.GetRequiredService<SecretMask>().Apply(exception.Message);
            throw new StartException($"the database of Storage:ConnectionString can't be used: {why}", exception);
        }
    }

    private static async Task WaitForServerAsync(HistoryDatabase database, IServiceProvider services, CancellationToken cancellationToken)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var started = time.GetTimestamp();
        while (!database.IsSqlite)
        {
            try
            {
                await database.PingAsync(cancellationToken);
                return;
            }
            catch (Exception exception) when (HistoryDatabase.IsAway(exception) && time.GetElapsedTime(started) < Patience)
            {
                Log.Waiting(services.GetRequiredService<ILogger<HistoryDatabase>>(), Patience.TotalSeconds, exception);
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The database is not there yet; it is waited for, {Seconds:F0} s at the most.")]
        public static partial void Waiting(ILogger logger, double seconds, Exception exception);
    }
}
