using System.Data;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace ReleaseBot.History;

/// <summary>The intake's statements, within the context's transaction: many new rows at once, and one at a time what is there already.</summary>
internal sealed class IntakeCommands
{
    private readonly HistoryDatabase _database;
    private readonly DbConnection _connection;
    private readonly DbTransaction _transaction;
    private readonly IIntakeInserter _inserter;

    public IntakeCommands(HistoryDatabase database, HistoryContext context)
    {
        _database = database;
        _connection = context.Database.GetDbConnection();
        _transaction = context.Database.CurrentTransaction!.GetDbTransaction();
        _inserter = _connection is NpgsqlConnection postgres
            ? new PostgresInserter(postgres, (NpgsqlTransaction)_transaction)
            : new SqliteInserter((SqliteConnection)_connection);
    }

    public Task<IntakeWritten> InsertAsync(IntakeBatch batch, CancellationToken cancellationToken) => _inserter.InsertAsync(batch, cancellationToken);

    /// <returns>Whether the row was written.</returns>
    public Task<bool> InsertAsync(IntakeTable table, object?[] row, CancellationToken cancellationToken) => _inserter.InsertAsync(table, row, cancellationToken);

    public async Task WriteAsync(string sql, IntakeParameters parameters, CancellationToken cancellationToken)
    {
        await using var command = Command(sql, parameters);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The first row of a query that has one.</summary>
    public async Task<T> ReadAsync<T>(string sql, IntakeParameters parameters, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = Command(sql, parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? read(reader) : throw new InvalidOperationException("A row that was there a moment ago is not.");
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
            parameter.Value = value switch
            {
                string text => IntakeText.Of(text),
                _ => value ?? DBNull.Value,
            };
            if (value is null && !_database.IsSqlite)
            {
                // Postgres wants the type of a null.
                parameter.DbType = name == "release_id" ? DbType.Guid : DbType.String;
            }

            command.Parameters.Add(parameter);
        }

        return command;
    }
}

/// <summary>The values of a statement's parameters.</summary>
internal readonly record struct IntakeParameters(params (string Name, object? Value)[] Values);
