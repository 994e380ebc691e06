using System.Data;
using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace ReleaseBot.History;

/// <summary>
/// Runs one statement for many rows within a transaction: as one round trip on PostgreSQL, by one prepared command on SQLite, which has no
/// trips to save.
/// </summary>
internal sealed class IntakeCommands(HistoryDatabase database, HistoryContext context) : IAsyncDisposable
{
    private readonly DbConnection _connection = context.Database.GetDbConnection();
    private readonly DbTransaction _transaction = context.Database.CurrentTransaction!.GetDbTransaction();
    private readonly Dictionary<string, DbCommand> _commands = new(StringComparer.Ordinal);

    /// <returns>For each row, in order, whether the statement wrote something.</returns>
    public async Task<IReadOnlyList<bool>> WriteAsync(string sql, IReadOnlyList<IntakeRow> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return [];
        }

        return _connection.CanCreateBatch
            ? await WriteBatchAsync(sql, rows, cancellationToken)
            : await WriteEachAsync(sql, rows, cancellationToken);
    }

    public async Task<bool> WriteAsync(string sql, IntakeRow row, CancellationToken cancellationToken) =>
        (await WriteAsync(sql, [row], cancellationToken))[0];

    /// <summary>The first row of a query that has one.</summary>
    public async Task<T> ReadAsync<T>(string sql, IntakeRow row, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        var command = Command(sql);
        Fill(command.Parameters, command.CreateParameter, row);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? read(reader) : throw new InvalidOperationException("A row that was there a moment ago is not.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var command in _commands.Values)
        {
            await command.DisposeAsync();
        }
    }

    private async Task<IReadOnlyList<bool>> WriteBatchAsync(string sql, IReadOnlyList<IntakeRow> rows, CancellationToken cancellationToken)
    {
        await using var batch = _connection.CreateBatch();
        batch.Transaction = _transaction;
        foreach (var row in rows)
        {
            var command = batch.CreateBatchCommand();
            command.CommandText = sql;
            Fill(command.Parameters, command.CreateParameter, row);
            batch.BatchCommands.Add(command);
        }

        await batch.ExecuteNonQueryAsync(cancellationToken);
        return [.. batch.BatchCommands.Select(command => command.RecordsAffected > 0)];
    }

    private async Task<IReadOnlyList<bool>> WriteEachAsync(string sql, IReadOnlyList<IntakeRow> rows, CancellationToken cancellationToken)
    {
        var command = Command(sql);
        List<bool> wrote = new(rows.Count);
        foreach (var row in rows)
        {
            Fill(command.Parameters, command.CreateParameter, row);
            wrote.Add(await command.ExecuteNonQueryAsync(cancellationToken) > 0);
        }

        return wrote;
    }

    private DbCommand Command(string sql)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = _connection.CreateCommand();
            command.CommandText = sql;
            command.Transaction = _transaction;
            _commands.Add(sql, command);
        }

        return command;
    }

    private void Fill(DbParameterCollection parameters, Func<DbParameter> create, IntakeRow row)
    {
        parameters.Clear();
        foreach (var (name, value) in row.Values)
        {
            var parameter = create();
            parameter.ParameterName = name;
            parameter.Value = value switch
            {
                null => DBNull.Value,
                DateTimeOffset moment => moment.ForSql(database),
                // JSON may hold it, PostgreSQL's text may not, and a hook must not fail for it.
                string text => text.Replace('\0', '\uFFFD'),
                _ => value,
            };
            if (value is null && !database.IsSqlite)
            {
                parameter.DbType = TypeOfNull(name);
            }

            parameters.Add(parameter);
        }
    }

    /// <summary>Postgres wants the type of a null; these are the nullable columns that are not text.</summary>
    private static DbType TypeOfNull(string name) => name switch
    {
        "project_id" => DbType.Int64,
        "body" => DbType.Binary,
        "release_id" => DbType.Guid,
        _ => DbType.String,
    };
}

/// <summary>The values of a statement's parameters.</summary>
internal readonly record struct IntakeRow(params (string Name, object? Value)[] Values);
