using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.History;

/// <summary>
/// Fills a migrated, empty database: the columns and their form are taken from the model, so that a new column needs nothing here. The
/// indices that are no keys are made after the rows, by the database's own words for them.
/// </summary>
internal sealed class HistorySeeder(HistoryContext context, RowWriter writer, SeededHistory history, Action<string> say)
{
    /// <summary>Rows that are held at once, before they are written.</summary>
    private const int Batch = 20_000;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await writer.BeginAsync(cancellationToken);
        await WriteAsync(history.ProjectRows(), cancellationToken);
        await WriteReleasesAsync(cancellationToken);
        await WriteAsync(history.DeliveryRows(), cancellationToken);
        await WriteAsync(history.MoveRows(), cancellationToken);
        await WriteAsync(history.OwnerRows(), cancellationToken);
        say("the rows are in; now the indices");
        await writer.FinishAsync(cancellationToken);
    }

    private async Task WriteReleasesAsync(CancellationToken cancellationToken)
    {
        var (releases, images, stages) = (Columns<Release>(), Columns<ReleaseImage>(), Columns<ReleaseStage>());
        foreach (var batch in history.ReleaseRows().Chunk(Batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            await writer.WriteAsync(releases, batch.Select(row => Values(releases, row)), cancellationToken);
            await writer.WriteAsync(images, batch.SelectMany(row => row.Images).Select(row => Values(images, row)), cancellationToken);
            await writer.WriteAsync(stages, batch.SelectMany(row => row.Stages).Select(row => Values(stages, row)), cancellationToken);
        }
    }

    private async Task WriteAsync<T>(IEnumerable<T> rows, CancellationToken cancellationToken)
        where T : class
    {
        var columns = Columns<T>();
        foreach (var batch in rows.Chunk(Batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            await writer.WriteAsync(columns, batch.Select(row => Values(columns, row)), cancellationToken);
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
