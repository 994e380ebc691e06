using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.History;

/// <summary>
/// A database of the bench's own with rows in it, gone with its folder or server at the end. The indices that are no keys are made after the
/// rows, by the database's own words for them.
/// </summary>
internal sealed class SeededStore : IAsyncDisposable
{
    private readonly Func<ValueTask> _remove;

    private SeededStore(string name, StorageSettings settings, Func<ValueTask> remove) => (Name, Settings, _remove) = (name, settings, remove);

    /// <summary>For people.</summary>
    public string Name { get; }

    public StorageSettings Settings { get; }

    public static async Task<SeededStore> SqliteAsync(Func<RowFiller, CancellationToken, Task> fill, Action<string> say, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("rb-bench-");
        var path = Path.Combine(folder.FullName, "history.db");
        var connectionString = SqliteFile.ConnectionString(path);
        var store = new SeededStore("SQLite", new StorageSettings { ConnectionString = new Secret(connectionString) }, () =>
        {
            SqliteFile.Close(path);
            folder.Delete(recursive: true);
            return ValueTask.CompletedTask;
        });
        return await store.FillAsync(() => SqliteRowWriter.Open(connectionString), fill, say, cancellationToken);
    }

    public static async Task<SeededStore> PostgresAsync(Func<RowFiller, CancellationToken, Task> fill, Action<string> say, CancellationToken cancellationToken)
    {
        var server = new PostgresServer { IsDurable = true };
        try
        {
            var connectionString = await server.CreateDatabaseAsync(cancellationToken);
            var settings = new StorageSettings { Provider = StorageProvider.Postgres, ConnectionString = new Secret(connectionString) };
            var store = new SeededStore("PostgreSQL", settings, server.DisposeAsync);
            return await store.FillAsync(() => PostgresRowWriter.Open(connectionString), fill, say, cancellationToken);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public HistoryContext OpenContext()
    {
        var options = new DbContextOptionsBuilder<HistoryContext>().UseQueryTrackingBehavior(QueryTrackingBehavior.NoTracking);
        HistoryServices.Configure(options, Settings);
        var context = new HistoryContext(options.Options);
        // The bench looks for its keys without an index where there is none.
        context.Database.SetCommandTimeout(TimeSpan.FromMinutes(10));
        return context;
    }

    /// <summary>The service's own classes over it.</summary>
    public ServiceProvider OpenServices() => BenchServices.Over(Settings);

    public ValueTask DisposeAsync() => _remove();

    private async Task<SeededStore> FillAsync(
        Func<RowWriter> open, Func<RowFiller, CancellationToken, Task> fill, Action<string> say, CancellationToken cancellationToken)
    {
        try
        {
            await MigrateAsync(cancellationToken);
            // A pooled connection would keep the journal's mode from being changed.
            SqliteConnection.ClearAllPools();
            await using var context = OpenContext();
            await using var writer = open();
            await writer.BeginAsync(cancellationToken);
            await fill(new RowFiller(context, writer), cancellationToken);
            say($"{Name}: the rows are in; now the indices");
            await writer.FinishAsync(cancellationToken);
            return this;
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>By the program's own migrations.</summary>
    private async Task MigrateAsync(CancellationToken cancellationToken)
    {
        await using var services = OpenServices();
        await services.GetRequiredService<HistoryDatabase>().MigrateAsync(cancellationToken);
    }
}
