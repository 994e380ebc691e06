using System.Diagnostics;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace ReleaseBot.History;

/// <summary>
/// One statement a table and batch, run for one row after the other. By SQLite's own functions, since the driver's command looks each parameter up by its name
/// and makes a reader at each run, which is a fifth of what an insert costs. Values are written as the driver writes them.
/// </summary>
internal sealed class SqliteInserter(SqliteConnection connection) : IIntakeInserter
{
    private const int GuidLength = 36;

    public Task<IntakeWritten> InsertAsync(IntakeBatch batch, CancellationToken cancellationToken)
    {
        var deliveries = Insert(IntakeTable.Deliveries, batch.Deliveries, cancellationToken);
        Insert(IntakeTable.Projects, batch.Projects, cancellationToken);
        var known = batch.Deliveries.Where((_, i) => !deliveries[i]).Select(row => row[IntakeTable.Deliveries.IdOrdinal]!).ToHashSet();
        var releases = Insert(IntakeTable.Releases, batch.Releases, cancellationToken, row => !known.Contains(row[DeliveryOfReleaseOrdinal]!));
        return Task.FromResult(new IntakeWritten(deliveries, releases));
    }

    public Task<bool> InsertAsync(IntakeTable table, object?[] row, CancellationToken cancellationToken) =>
        Task.FromResult(Insert(table, [row], cancellationToken)[0]);

    private static int DeliveryOfReleaseOrdinal { get; } = IntakeTable.Releases.OrdinalOf(IntakeTable.DeliveryId);

    private bool[] Insert(IntakeTable table, IReadOnlyList<object?[]> rows, CancellationToken cancellationToken, Func<object?[], bool>? isWanted = null)
    {
        var database = connection.Handle!;
        ThrowUnless(raw.SQLITE_OK, raw.sqlite3_prepare_v2(database, table.InsertRow, out var statement));
        using (statement)
        {
            var wrote = new bool[rows.Count];
            for (var i = 0; i < wrote.Length; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (isWanted is null || isWanted(rows[i]))
                {
                    Bind(statement, rows[i]);
                    ThrowUnless(raw.SQLITE_DONE, raw.sqlite3_step(statement));
                    wrote[i] = raw.sqlite3_changes(database) > 0;
                    ThrowUnless(raw.SQLITE_OK, raw.sqlite3_reset(statement));
                }
            }

            return wrote;
        }
    }

    private void Bind(sqlite3_stmt statement, object?[] row)
    {
        for (var i = 0; i < row.Length; i++)
        {
            ThrowUnless(raw.SQLITE_OK, Bind(statement, i + 1, row[i]));
        }
    }

    private static int Bind(sqlite3_stmt statement, int hole, object? value) => value switch
    {
        null => raw.sqlite3_bind_null(statement, hole),
        string text => BindText(statement, hole, IntakeText.Of(text)),
        Guid id => BindGuid(statement, hole, id),
        DateTimeOffset moment => raw.sqlite3_bind_int64(statement, hole, moment.UtcTicks),
        long number => raw.sqlite3_bind_int64(statement, hole, number),
        int number => raw.sqlite3_bind_int64(statement, hole, number),
        byte[] bytes => raw.sqlite3_bind_blob(statement, hole, bytes),
        _ => throw new UnreachableException(),
    };

    /// <summary>What is short without a copy of its own on the heap. No bytes at all would be a null to the library, the empty string is none.</summary>
    private static int BindText(sqlite3_stmt statement, int hole, string text)
    {
        Span<byte> buffer = stackalloc byte[512];
        return Encoding.UTF8.TryGetBytes(text, buffer, out var length) && length > 0
            ? raw.sqlite3_bind_text(statement, hole, buffer[..length])
            : raw.sqlite3_bind_text(statement, hole, text);
    }

    private static int BindGuid(sqlite3_stmt statement, int hole, Guid id)
    {
        Span<byte> buffer = stackalloc byte[GuidLength];
        id.TryFormat(buffer, out _);
        Ascii.ToUpperInPlace(buffer, out _);
        return raw.sqlite3_bind_text(statement, hole, buffer);
    }

    private void ThrowUnless(int expected, int code)
    {
        if (code != expected)
        {
            SqliteException.ThrowExceptionForRC(code, connection.Handle);
            throw new UnreachableException($"SQLite answered {code}.");
        }
    }
}
