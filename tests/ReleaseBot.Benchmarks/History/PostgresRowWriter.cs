using Npgsql;

namespace ReleaseBot.Benchmarks.History;

/// <summary>COPY in its binary form; foreign keys are not looked at, since the rows are known to keep them.</summary>
internal sealed class PostgresRowWriter(NpgsqlConnection connection) : RowWriter(connection)
{
    private const string Indices = """
        FROM pg_indexes i WHERE i.schemaname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
        """;

    public static PostgresRowWriter Open(string connectionString) =>
        new(new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, CommandTimeout = 0 }.ConnectionString));

    protected override string IndexDefinitions => $"SELECT indexdef {Indices}";

    protected override string IndexNames => $"SELECT indexname {Indices}";

    public override async Task WriteAsync(SeedTable table, IEnumerable<object?[]> rows, CancellationToken cancellationToken)
    {
        await using var copy = await connection.BeginBinaryImportAsync($"COPY {table.Name} ({table.ColumnList}) FROM STDIN (FORMAT BINARY)", cancellationToken);
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

    protected override Task PrepareAsync(CancellationToken cancellationToken) =>
        ExecuteAsync("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'; SET synchronous_commit = off", cancellationToken);

    // Each COPY is a transaction of its own.
    protected override Task CommitAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // As autovacuum would have done by then.
    protected override Task SettleAsync(CancellationToken cancellationToken) => ExecuteAsync("VACUUM ANALYZE", cancellationToken);
}
