using System.Data;
using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using NpgsqlTypes;

namespace ReleaseBot.History;

/// <summary>
/// Inserts many rows within a transaction: by one statement a table on PostgreSQL, where each costs a parse and a plan, and by one prepared statement run
/// again and again on SQLite. And runs the statements for the few rows that are there already.
/// </summary>
internal sealed class IntakeCommands(HistoryDatabase database, HistoryContext context)
{
    private readonly DbConnection _connection = context.Database.GetDbConnection();
    private readonly DbTransaction _transaction = context.Database.CurrentTransaction!.GetDbTransaction();

    /// <summary>Writes the rows of one table after the other; on PostgreSQL in one exchange with it.</summary>
    /// <returns>For each table, and of it for each row, in order, whether it was written; of rows with the same key the first is, if none was there.</returns>
    public Task<IReadOnlyList<IReadOnlyList<bool>>> InsertAsync(IReadOnlyList<IntakeRows> tables, CancellationToken cancellationToken) =>
        _connection is NpgsqlConnection postgres
            ? InsertAllAsync(postgres, tables, cancellationToken)
            : InsertEachAsync((SqliteConnection)_connection, tables, cancellationToken);

    /// <returns>Whether the row was written.</returns>
    public async Task<bool> InsertAsync(IntakeTable table, object?[] row, CancellationToken cancellationToken) =>
        (await InsertAsync([new IntakeRows(table, [row])], cancellationToken))[0][0];

    /// <returns>Whether the statement wrote something.</returns>
    public async Task<bool> WriteAsync(string sql, IntakeParameters parameters, CancellationToken cancellationToken)
    {
        await using var command = Command(sql, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    /// <summary>The first row of a query that has one.</summary>
    public async Task<T> ReadAsync<T>(string sql, IntakeParameters parameters, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = Command(sql, parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? read(reader) : throw new InvalidOperationException("A row that was there a moment ago is not.");
    }

    private async Task<IReadOnlyList<IReadOnlyList<bool>>> InsertAllAsync(
        NpgsqlConnection connection, IReadOnlyList<IntakeRows> tables, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection, (NpgsqlTransaction)_transaction);
        foreach (var (table, rows) in tables.Where(table => table.Rows.Count > 0))
        {
            var command = new NpgsqlBatchCommand(table.InsertRows);
            for (var i = 0; i < table.Columns.Count; i++)
            {
                command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | table.Columns[i].Type, Value = Column(rows, i, table.Columns[i].Type) });
            }

            batch.BatchCommands.Add(command);
        }

        List<IReadOnlyList<bool>> wrote = new(tables.Count);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        foreach (var (table, rows) in tables)
        {
            if (rows.Count == 0)
            {
                wrote.Add([]);
                continue;
            }

            HashSet<object> written = [];
            while (await reader.ReadAsync(cancellationToken))
            {
                written.Add(reader.GetValue(0));
            }

            wrote.Add([.. rows.Select(row => written.Remove(ForText(row[table.KeyOrdinal])!))]);
            await reader.NextResultAsync(cancellationToken);
        }

        return wrote;
    }

    private async Task<IReadOnlyList<IReadOnlyList<bool>>> InsertEachAsync(
        SqliteConnection connection, IReadOnlyList<IntakeRows> tables, CancellationToken cancellationToken)
    {
        List<IReadOnlyList<bool>> wrote = new(tables.Count);
        HashSet<object> known = [];
        foreach (var (table, rows) in tables)
        {
            var ofTable = await InsertEachAsync(connection, table, rows, known, cancellationToken);
            wrote.Add(ofTable);
            if (table == IntakeTable.Deliveries)
            {
                known.UnionWith(rows.Where((_, i) => !ofTable[i]).Select(row => row[table.IdOrdinal]!));
            }
        }

        return wrote;
    }

    /// <param name="known">Ids of deliveries that were not written: of them nothing else is.</param>
    private async Task<IReadOnlyList<bool>> InsertEachAsync(
        SqliteConnection connection, IntakeTable table, IReadOnlyList<object?[]> rows, HashSet<object> known, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = table.InsertRow;
        command.Transaction = (SqliteTransaction)_transaction;
        var parameters = table.Columns.Select((_, i) => command.Parameters.AddWithValue($"${i + 1}", DBNull.Value)).ToArray();
        List<bool> wrote = new(rows.Count);
        foreach (var row in rows)
        {
            if (table.DeliveryOrdinal is { } delivery && known.Contains(row[delivery]!))
            {
                wrote.Add(false);
                continue;
            }

            for (var i = 0; i < row.Length; i++)
            {
                parameters[i].Value = ForSqlite(row[i]);
            }

            wrote.Add(await command.ExecuteNonQueryAsync(cancellationToken) > 0);
        }

        return wrote;
    }

    private DbCommand Command(string sql, IntakeParameters parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = _transaction;
        foreach (var (name, value) in parameters.Values)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value is DateTimeOffset moment ? moment.ForSql(database) : ForText(value) ?? DBNull.Value;
            if (value is null && !database.IsSqlite)
            {
                // Postgres wants the type of a null.
                parameter.DbType = name == "release_id" ? DbType.Guid : DbType.String;
            }

            command.Parameters.Add(parameter);
        }

        return command;
    }

    private static Array Column(IReadOnlyList<object?[]> rows, int ordinal, NpgsqlDbType type) => type switch
    {
        NpgsqlDbType.Text => Array.ConvertAll(Values(rows, ordinal), value => (string?)ForText(value)),
        NpgsqlDbType.Uuid => Array.ConvertAll(Values(rows, ordinal), value => (Guid?)value),
        NpgsqlDbType.Bigint => Array.ConvertAll(Values(rows, ordinal), value => (long?)value),
        NpgsqlDbType.Integer => Array.ConvertAll(Values(rows, ordinal), value => (int?)value),
        NpgsqlDbType.TimestampTz => Array.ConvertAll(Values(rows, ordinal), value => (DateTimeOffset?)value),
        NpgsqlDbType.Bytea => Array.ConvertAll(Values(rows, ordinal), value => (byte[]?)value),
        _ => throw new UnreachableException(),
    };

    private static object?[] Values(IReadOnlyList<object?[]> rows, int ordinal)
    {
        var values = new object?[rows.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = rows[i][ordinal];
        }

        return values;
    }

    /// <summary>JSON may hold a NUL, PostgreSQL's text may not, and a hook must not fail for it.</summary>
    private static object? ForText(object? value) => value is string text ? text.Replace('\0', '\uFFFD') : value;

    private static object ForSqlite(object? value) => value is DateTimeOffset moment ? moment.UtcTicks : ForText(value) ?? DBNull.Value;
}

/// <param name="Rows">The values of the table's columns.</param>
internal readonly record struct IntakeRows(IntakeTable Table, IReadOnlyList<object?[]> Rows);

/// <summary>The values of a statement's parameters.</summary>
internal readonly record struct IntakeParameters(params (string Name, object? Value)[] Values);
