using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.Parts;

namespace ReleaseBot.Integration.History;

/// <summary>Makes databases with the history's tables for tests.</summary>
public interface IDatabases
{
    Task<HistoryHost> CreateAsync(IInterceptor? interceptor, CancellationToken cancellationToken);
}

/// <summary>SQLite in a file, as the embedded mode has it; leases follow a clock that the test moves.</summary>
/// <param name="root">Where the files are to be; null for the usual place of temporary ones.</param>
public sealed class SqliteDatabases(string? root = null) : IDatabases
{
    /// <summary>For tests that commit more often than a disk would bear in their time.</summary>
    public static SqliteDatabases InMemory { get; } = new(Directory.Exists("/dev/shm") ? "/dev/shm" : null);

    private static readonly Lazy<Task<byte[]>> Template = new(MakeTemplateAsync);

    public async Task<HistoryHost> CreateAsync(IInterceptor? interceptor, CancellationToken cancellationToken)
    {
        var folder = root is null
            ? Directory.CreateTempSubdirectory("rb-history-").FullName
            : Directory.CreateDirectory(Path.Combine(root, $"rb-history-{Path.GetRandomFileName()}")).FullName;
        await File.WriteAllBytesAsync(PathIn(folder), await Template.Value, cancellationToken);
        return Open(folder, new FakeTimeProvider(TimeProvider.System.GetUtcNow()), () => RemoveAsync(folder), interceptor);
    }

    /// <summary>A folder without a database yet.</summary>
    public static HistoryHost Open(string folder, FakeTimeProvider? clock, Func<Task> remove, IInterceptor? interceptor = null) =>
        new(
            new StorageSettings { Provider = StorageProvider.Sqlite, ConnectionString = new Secret(SqliteFile.ConnectionString(PathIn(folder))) },
            clock, remove, interceptor);

    public static Task RemoveAsync(string folder)
    {
        SqliteFile.Close(PathIn(folder));
        Directory.Delete(folder, recursive: true);
        return Task.CompletedTask;
    }

    public static string PathIn(string folder) => Path.Combine(folder, "history.db");

    private static async Task<byte[]> MakeTemplateAsync()
    {
        var folder = Directory.CreateTempSubdirectory("rb-history-").FullName;
        var host = Open(folder, new FakeTimeProvider(), () => Task.CompletedTask);
        await using (host)
        {
            await host.Database.MigrateAsync(CancellationToken.None);
        }

        SqliteFile.Close(PathIn(folder));
        var bytes = await File.ReadAllBytesAsync(PathIn(folder));
        Directory.Delete(folder, recursive: true);
        return bytes;
    }
}

/// <summary>A real PostgreSQL; leases follow its own clock.</summary>
public sealed class PostgresDatabases(PostgresServer server) : IDatabases
{
    public async Task<HistoryHost> CreateAsync(IInterceptor? interceptor, CancellationToken cancellationToken)
    {
        var connectionString = await server.CreateDatabaseAsync("history_template", MigrateAsync, cancellationToken);
        return new HistoryHost(Settings(connectionString), null, () => server.DropDatabaseAsync(connectionString), interceptor);
    }

    private static StorageSettings Settings(string connectionString) =>
        new() { Provider = StorageProvider.Postgres, ConnectionString = new Secret(connectionString) };

    private static async Task MigrateAsync(string connectionString)
    {
        await using var host = new HistoryHost(Settings(connectionString), null, () => Task.CompletedTask);
        await host.Database.MigrateAsync(CancellationToken.None);
    }
}
