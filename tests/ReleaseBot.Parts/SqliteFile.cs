using Microsoft.Data.Sqlite;

namespace ReleaseBot.Parts;

/// <summary>A database of SQLite at a path.</summary>
public static class SqliteFile
{
    public static string ConnectionString(string path) => $"Data Source={path}";

    /// <summary>
    /// Closes what the pool keeps open of this one, so that it can be removed or copied. The pools of others stay: on a full disk a database
    /// whose last connection was closed can't be opened again, having no space for its index of the write-ahead log.
    /// </summary>
    public static void Close(string path)
    {
        using var connection = new SqliteConnection(ConnectionString(path));
        SqliteConnection.ClearPool(connection);
    }
}
