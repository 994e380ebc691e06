using Microsoft.Data.Sqlite;

namespace ReleaseBot.Benchmarks.History;

/// <summary>One transaction, without a journal, and one prepared statement for each table.</summary>
internal sealed class SqliteRowWriter(string connectionString) : IRowWriter
{
    private readonly SqliteConnection _connection = new(connectionString + ";Pooling=False");
    private readonly Dictionary<string, SqliteCommand> _inserts = [];
    private List<string> _indices = [];

    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        await _connection.OpenAsync(cancellationToken);
        await ExecuteAsync("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-400000; PRAGMA temp_store=FILE", cancellationToken);
        _indices = await ReadAsync("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL", cancellationToken);
        foreach (var name in await ReadAsync("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL", cancellationToken))
        {
            await ExecuteAsync($"DROP INDEX \"{name}\"", cancellationToken);
        }

        await ExecuteAsync("BEGIN", cancellationToken);
    }

    public Task WriteAsync(SeedTable table, IEnumerable<object?[]> rows, CancellationToken cancellationToken)
    {
        if (!_inserts.TryGetValue(table.Name, out var insert))
        {
            _inserts[table.Name] = insert = Prepare(table);
        }

        foreach (var row in rows)
        {
            for (var i = 0; i < row.Length; i++)
            {
                insert.Parameters[i].Value = row[i] ?? DBNull.Value;
            }

            insert.ExecuteNonQuery();
        }

        return Task.CompletedTask;
    }

    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync("COMMIT", cancellationToken);
        foreach (var index in _indices)
        {
            await ExecuteAsync(index, cancellationToken);
        }

        await ExecuteAsync("PRAGMA journal_mode=WAL", cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var insert in _inserts.Values)
        {
            await insert.DisposeAsync();
        }

        await _connection.DisposeAsync();
    }

    private SqliteCommand Prepare(SeedTable table)
    {
        var command = _connection.CreateCommand();
        command.CommandText = $"INSERT INTO {table.Name} ({table.ColumnList}) VALUES ({string.Join(", ", table.Columns.Select((_, i) => $"$p{i}"))})";
        for (var i = 0; i < table.Columns.Count; i++)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = $"$p{i}" });
        }

        return command;
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<List<string>> ReadAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = _connection.CreateCommand();
        command.CommandText = sql;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<string> texts = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            texts.Add(reader.GetString(0));
        }

        return texts;
    }
}
