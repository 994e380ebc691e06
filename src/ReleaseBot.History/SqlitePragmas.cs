using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using SQLitePCL;

namespace ReleaseBot.History;

/// <summary>
/// Every connection of SQLite: write-ahead log, so that readers do not wait for the writer, and a full sync at each commit, since with less a power cut may take
/// commits back that were answered already. The log is copied to the database at 16 MB instead of SQLite's 4: pages that are written again and again are
/// copied once for more commits. Told once to what the driver's pool keeps, since SQLite forgets none of it.
/// </summary>
/// <remarks>
/// A process is the only writer of its file. Where another program keeps it locked, a statement waits in SQLite and the driver without heed to its token, so not for long:
/// <see cref="HistoryDatabase"/> tries it again, and says why.
/// </remarks>
internal sealed class SqlitePragmas : DbConnectionInterceptor
{
    private const string Pragmas =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA busy_timeout=500; PRAGMA foreign_keys=ON;";

    /// <summary>Seconds for which the driver tries a statement that finds the file locked, <c>busy_timeout</c> each time. A connection string may have another.</summary>
    private const int LockedLimit = 1;

    /// <summary>What the driver takes where the connection string says nothing.</summary>
    private static readonly int DriverDefault = new SqliteConnectionStringBuilder().DefaultTimeout;

    private readonly ConditionalWeakTable<sqlite3, object?> _told = [];

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Apply((SqliteConnection)connection);

    public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Apply((SqliteConnection)connection);
        return Task.CompletedTask;
    }

    private void Apply(SqliteConnection connection)
    {
        if (connection.DefaultTimeout == DriverDefault)
        {
            connection.DefaultTimeout = LockedLimit;
        }

        if (_told.TryGetValue(connection.Handle!, out _))
        {
            return;
        }

        using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        command.ExecuteNonQuery();
        _told.TryAdd(connection.Handle!, null);
    }
}
