using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace ReleaseBot.History;

/// <summary>Says what is wrong with the database as an operator has to know it: the cause and the cure in one line, without an address or a name.</summary>
public static class StoreFault
{
    private const int NoSpaceLeft = 28;
    private const int QuotaExceeded = 122;
    private const string Full = "the disk of the database is full. Free space on it, or move the database to another (Storage:ConnectionString)";

    /// <summary>
    /// E.g. <c>the disk of the database is full. Free space on it, …</c>, without a full stop; null where it is no fault of the database as a whole,
    /// but of what was asked of it.
    /// </summary>
    public static string? Explain(Exception exception)
    {
        for (var fault = exception; fault is not null; fault = fault.InnerException)
        {
            var words = fault switch
            {
                SqliteException sqlite => OfSqlite(sqlite.SqliteErrorCode),
                DbException { SqlState: { } state } => OfPostgres(state),
                DbException { IsTransient: true } => OfPostgres("08000"),
                ProbeFileException { InnerException: { } cause } => OfFile(cause),
                _ => null,
            };
            if (words is not null)
            {
                return words;
            }
        }

        return null;
    }

    /// <summary>By https://www.sqlite.org/rescode.html, the primary result codes.</summary>
    private static string? OfSqlite(int code) => code switch
    {
        5 or 6 => "another program keeps the database locked. End it; a backup or a shell that has a transaction open does this",
        8 => "the database can't be written. Give the service's user its file and its folder, and see that the disk is not mounted read-only",
        10 => "the disk of the database failed a read or a write. See to its space, its quota and its health",
        11 or 26 => "the database file is damaged. Stop the service and restore the file from a backup",
        13 => Full,
        14 => "the database file can't be opened. See that its folder is there and is the service's user's",
        _ => null,
    };

    /// <summary>By https://www.postgresql.org/docs/15/errcodes-appendix.html.</summary>
    private static string? OfPostgres(string state) => state switch
    {
        "53100" => Full,
        "53300" => "the database has no connection left. Raise its max_connections, or lower Maximum Pool Size in Storage:ConnectionString",
        "25006" => "the database takes no writes: it is a standby, or read-only by default. Point Storage:ConnectionString to the primary",
        "42501" => "the database's user may not write. Grant it the tables of Storage:ConnectionString's database",
        "42P01" or "42703" => "the database's tables are not those of this version. Run: releasebot migrate",
        "3D000" => "there is no such database. Make it, or change Storage:ConnectionString",
        ['2', '8', ..] => "the database refuses the user or the password. Change Storage:ConnectionString",
        ['0', '8', ..] or ['5', '7', 'P', ..] or ['5', '3', ..] or ['5', '8', ..] =>
            "the database can't be reached, or can't go on. See that it runs, and that Storage:ConnectionString is right",
        _ => null,
    };

    private static string OfFile(Exception cause) => cause.HResult is NoSpaceLeft or QuotaExceeded ? Full : OfSqlite(8)!;
}

/// <summary>The file that is written beside a SQLite database to see whether there is space could not be written.</summary>
internal sealed class ProbeFileException(Exception cause) : Exception("No file can be written beside the database.", cause);
