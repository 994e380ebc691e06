using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// A write that shows whether there will be another: it is committed to disk as every delivery is, and takes new space, since small writes go on
/// for a while in what a full disk has given already (SQLite's log, PostgreSQL's pages). It leaves nothing behind.
/// </summary>
internal static class StoreProbing
{
    private const int FileBytes = 1 << 20;

    /// <summary>The header's number for the application's own use, which nobody reads: setting it writes a page and commits it.</summary>
    private const string SqliteWrite = "PRAGMA user_version = 1";

    /// <summary>
    /// Refused where the tables may not be written (a standby, a missing right); spills half a megabyte of a sort to disk; and has the transaction
    /// written to the log, so that its commit waits for the disk.
    /// </summary>
    private const string PostgresWrite =
        """
        DELETE FROM log_chunks WHERE false;
        SET LOCAL work_mem = '64kB';
        SELECT count(*) FROM (SELECT md5(number::text) AS word FROM generate_series(1, 8000) AS number ORDER BY word OFFSET 0) AS sorted;
        SELECT pg_logical_emit_message(true, 'releasebot', '');
        """;

    public static async Task WriteAsync(HistoryContext context, StorageSettings storage, CancellationToken cancellationToken)
    {
        if (storage.Provider == StorageProvider.Postgres)
        {
            await context.Database.ExecuteSqlRawAsync(PostgresWrite, cancellationToken);
            return;
        }

        await context.Database.ExecuteSqlRawAsync(SqliteWrite, cancellationToken);
        await WriteFileAsync(new SqliteConnectionStringBuilder(storage.ConnectionString.Reveal()).DataSource + ".probe", cancellationToken);
    }

    private static async Task WriteFileAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 1, FileOptions.DeleteOnClose);
            await file.WriteAsync(new byte[FileBytes], cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ProbeFileException(exception);
        }
    }
}
