using Microsoft.Data.Sqlite;

namespace ReleaseBot.Benchmarks.History;

/// <summary>One transaction, without a journal, and one prepared statement for each table.</summary>
internal sealed class SqliteRowWriter(SqliteConnection connection) : RowWriter(connection)
{
    private const string Indices = "FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
    private readonly Dictionary<string, SqliteCommand> _inserts = [];

    public static SqliteRowWriter Open(string connectionString) => new(new SqliteConnection(connectionString + ";Pooling=False"));

    protected override string IndexDefinitions => $"SELECT sql {Indices}";

    protected override string IndexNames => $"SELECT name {Indices}";

    public override Task WriteAsync(SeedTable table, IEnumerable<object?[]> rows, CancellationToken cancellationToken)
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

    public override async ValueTask DisposeAsync()
    {
        foreach (var insert in _inserts.Values)
        {
            await insert.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    protected override Task PrepareAsync(CancellationToken cancellationToken) => ExecuteAsync(
        "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-400000; PRAGMA temp_store=FILE; BEGIN", cancellationToken);

    protected override Task CommitAsync(CancellationToken cancellationToken) => ExecuteAsync("COMMIT", cancellationToken);

    protected override Task SettleAsync(CancellationToken cancellationToken) => ExecuteAsync("PRAGMA journal_mode=WAL", cancellationToken);

    private SqliteCommand Prepare(SeedTable table)
    {
        var command = connection.CreateCommand();
        command.CommandText = $"INSERT INTO {table.Name} ({table.ColumnList}) VALUES ({string.Join(", ", table.Columns.Select((_, i) => $"$p{i}"))})";
        for (var i = 0; i < table.Columns.Count; i++)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = $"$p{i}" });
        }

        return command;
    }
}
