using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.History;

/// <summary>Writes rows of the model's: the columns and their form are taken from it, so that a new column needs nothing here.</summary>
internal sealed class RowFiller(HistoryContext context, RowWriter writer)
{
    /// <summary>Rows that are held at once, before they are written.</summary>
    private const int Batch = 20_000;

    public async Task WriteAsync<T>(IEnumerable<T> rows, CancellationToken cancellationToken)
        where T : class
    {
        var columns = Columns<T>();
        foreach (var batch in rows.Chunk(Batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            await writer.WriteAsync(columns, batch.Select(row => Values(columns, row)), cancellationToken);
        }
    }

    /// <summary>Releases with their images and stages.</summary>
    public async Task WriteReleasesAsync(IEnumerable<Release> rows, CancellationToken cancellationToken)
    {
        foreach (var batch in rows.Chunk(Batch))
        {
            await WriteAsync(batch, cancellationToken);
            await WriteAsync(batch.SelectMany(row => row.Images), cancellationToken);
            await WriteAsync(batch.SelectMany(row => row.Stages), cancellationToken);
        }
    }

    private SeedTable Columns<T>()
        where T : class
    {
        var entity = context.Model.FindEntityType(typeof(T))!;
        var table = StoreObjectIdentifier.Table(entity.GetTableName()!);
        return new SeedTable(table.Name, [.. entity.GetProperties().Select(property => new SeedColumn(
            property.GetColumnName(table)!, property.GetGetter().GetClrValue, property.GetTypeMapping().Converter?.ConvertToProvider))]);
    }

    private static object?[] Values(SeedTable table, object row) => [.. table.Columns.Select(column => column.Of(row))];
}

internal sealed record SeedTable(string Name, IReadOnlyList<SeedColumn> Columns)
{
    public string ColumnList { get; } = string.Join(", ", Columns.Select(column => $"\"{column.Name}\""));
}

internal sealed record SeedColumn(string Name, Func<object, object?> Read, Func<object?, object?>? Convert)
{
    /// <summary>As the database's driver takes it; null for NULL.</summary>
    public object? Of(object row) => Read(row) is { } value ? Convert is null ? value : Convert(value) : null;
}
