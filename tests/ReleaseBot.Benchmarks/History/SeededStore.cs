using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.History;

/// <summary>A database of the bench's own with a history in it, gone with its folder or server at the end.</summary>
internal sealed class SeededStore : IAsyncDisposable
{
    private readonly Func<ValueTask> _remove;

    private SeededStore(string name, StorageSettings settings, Func<ValueTask> remove) => (Name, Settings, _remove) = (name, settings, remove);

    /// <summary>For people.</summary>
    public string Name { get; }

    public StorageSettings Settings { get; }

    public static async Task<SeededStore> SqliteAsync(SeededHistory history, Action<string> say, CancellationToken cancellationToken)
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
        return await store.FillAsync(() => SqliteRowWriter.Open(connectionString), history, say, cancellationToken);
    }

    public static async Task<SeededStore> PostgresAsync(SeededHistory history, Action<string> say, CancellationToken cancellationToken)
    {
        var server = new PostgresServer();
        try
        {
            var connectionString = await server.CreateDatabaseAsync(cancellationToken);
            var settings = new StorageSettings { Provider = StorageProvider.Postgres, ConnectionString = new Secret(connectionString) };
            var store = new SeededStore("PostgreSQL", settings, server.DisposeAsync);
            return await store.FillAsync(() => PostgresRowWriter.Open(connectionString), history, say, cancellationToken);
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

    public ValueTask DisposeAsync() => _remove();

    private async Task<SeededStore> FillAsync(Func<RowWriter> open, SeededHistory history, Action<string> say, CancellationToken cancellationToken)
    {
        try
        {
            await MigrateAsync(cancellationToken);
            await using var context = OpenContext();
            await using var writer = open();
            await new HistorySeeder(context, writer, history, text => say($"{Name}: {text}")).RunAsync(cancellationToken);
            say($"{Name}: {history.Releases:N0} releases with {history.Releases * SeededHistory.ImagesPerRelease:N0} images are there");
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
        await using var services = new ServiceCollection().AddLogging()
            .AddSingleton(TimeProvider.System).AddSingleton(Settings).AddSingleton(new RetentionSettings()).AddReleaseBotHistory().BuildServiceProvider();
        await services.GetRequiredService<HistoryDatabase>().MigrateAsync(cancellationToken);
    }
}
