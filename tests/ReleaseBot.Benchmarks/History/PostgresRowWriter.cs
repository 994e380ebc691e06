using Npgsql;

namespace ReleaseBot.Benchmarks.History;

/// <summary>COPY in its binary form; foreign keys are not looked at, since the rows are known to keep them.</summary>
internal sealed class PostgresRowWriter(string connectionString) : IRowWriter
{
    private const string Indices = """
        FROM pg_indexes i WHERE i.schemaname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
        """;

    private readonly NpgsqlConnection _connection = new(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, CommandTimeout = 0 }.ConnectionString);
    private List<string> _definitions = [];

    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        await _connection.OpenAsync(cancellationToken);
        _definitions = await ReadAsync($"SELECT indexdef {Indices}", cancellationToken);
        foreach (var name in await ReadAsync($"SELECT indexname {Indices}", cancellationToken))
        {
            await ExecuteAsync($"DROP INDEX \"{name}\"", cancellationToken);
        }

        await ExecuteAsync("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'; SET synchronous_commit = off", cancellationToken);
    }

    public async Task WriteAsync(SeedTable table, IEnumerable<object?[]> rows, CancellationToken cancellationToken)
    {
        await using var copy = await _connection.BeginBinaryImportAsync($"COPY {table.Name} ({table.ColumnList}) FROM STDIN (FORMAT BINARY)", cancellationToken);
        foreach (var row in rows)
        {
            copy.StartRow();
            foreach (var value in row)
            {
                if (value is null)
                {
                    copy.WriteNull();
                }
                else
                {
                    copy.Write(value);
                }
            }
        }

        await copy.CompleteAsync(cancellationToken);
    }

    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        foreach (var definition in _definitions)
        {
            await ExecuteAsync(definition, cancellationToken);
        }

        // As autovacuum would have done by then.
        await ExecuteAsync("VACUUM ANALYZE", cancellationToken);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<List<string>> ReadAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<string> texts = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            texts.Add(reader.GetString(0));
        }

        return texts;
    }
}
