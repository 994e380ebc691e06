using System.Data.Common;

namespace ReleaseBot.Benchmarks.History;

/// <summary>
/// The fastest way that a database has to take many rows: the indices that are no keys are dropped before them, and made again, by the database's own
/// words for them, afterwards.
/// </summary>
internal abstract class RowWriter(DbConnection connection) : IAsyncDisposable
{
    private List<string> _definitions = [];

    /// <summary>Selects the definition of each index that is no key.</summary>
    protected abstract string IndexDefinitions { get; }

    /// <summary>Selects their names.</summary>
    protected abstract string IndexNames { get; }

    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        await connection.OpenAsync(cancellationToken);
        _definitions = await ReadAsync(IndexDefinitions, cancellationToken);
        foreach (var name in await ReadAsync(IndexNames, cancellationToken))
        {
            await ExecuteAsync($"DROP INDEX \"{name}\"", cancellationToken);
        }

        await PrepareAsync(cancellationToken);
    }

    public abstract Task WriteAsync(SeedTable table, IEnumerable<object?[]> rows, CancellationToken cancellationToken);

    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        await CommitAsync(cancellationToken);
        foreach (var definition in _definitions)
        {
            await ExecuteAsync(definition, cancellationToken);
        }

        await SettleAsync(cancellationToken);
    }

    public virtual ValueTask DisposeAsync() => connection.DisposeAsync();

    /// <summary>Before the first row.</summary>
    protected abstract Task PrepareAsync(CancellationToken cancellationToken);

    /// <summary>After the last row.</summary>
    protected abstract Task CommitAsync(CancellationToken cancellationToken);

    /// <summary>After the indices.</summary>
    protected abstract Task SettleAsync(CancellationToken cancellationToken);

    protected async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<List<string>> ReadAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
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
