using Npgsql;
using NpgsqlTypes;

namespace ReleaseBot.History;

/// <summary>
/// All rows of a batch by one statement, which the connection keeps prepared: to read and to plan it takes PostgreSQL a third of a millisecond, as long as seven
/// rows. It looks nothing up in a table, so that one plan is right however many rows the tables have; a plan that was made when they were empty would
/// read them from end to end.
/// </summary>
internal sealed class PostgresInserter(NpgsqlConnection connection, NpgsqlTransaction transaction) : IIntakeInserter
{
    /// <summary>
    /// Which of the releases have a new delivery is asked by a value, and so row by row: PostgreSQL might turn a subquery into a join, which has an order of its own,
    /// and two processes with the same events would wait for each other. The projects are read, though nobody wants to know, so that they are written before the releases.
    /// </summary>
    private static readonly string InsertBatch =
        $"""
        WITH d AS ({IntakeTable.Deliveries.InsertRows(1)}),
        p AS ({IntakeTable.Projects.InsertRows(FirstProjectHole)}),
        r AS ({IntakeTable.Releases.InsertRows(FirstReleaseHole, $"given.{IntakeTable.DeliveryId} = ANY (ARRAY (SELECT id FROM d))")})
        SELECT id FROM d UNION ALL SELECT NULL FROM p UNION ALL SELECT id FROM r
        """;

    private static int FirstProjectHole => 1 + IntakeTable.Deliveries.Columns.Count;

    private static int FirstReleaseHole => FirstProjectHole + IntakeTable.Projects.Columns.Count;

    public async Task<IntakeWritten> InsertAsync(IntakeBatch batch, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(InsertBatch, connection, transaction);
        AddColumns(command, IntakeTable.Deliveries, batch.Deliveries);
        AddColumns(command, IntakeTable.Projects, batch.Projects);
        AddColumns(command, IntakeTable.Releases, batch.Releases);
        await command.PrepareAsync(cancellationToken);
        HashSet<Guid> written = [];
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (!reader.IsDBNull(0))
            {
                written.Add(reader.GetGuid(0));
            }
        }

        return new IntakeWritten(Wrote(IntakeTable.Deliveries, batch.Deliveries, written), Wrote(IntakeTable.Releases, batch.Releases, written));
    }

    public async Task<bool> InsertAsync(IntakeTable table, object?[] row, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(table.InsertRow, connection, transaction);
        for (var i = 0; i < row.Length; i++)
        {
            command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = table.Columns[i].Type, Value = Value(row[i]) ?? DBNull.Value });
        }

        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    private static void AddColumns(NpgsqlCommand command, IntakeTable table, IReadOnlyList<object?[]> rows)
    {
        for (var i = 0; i < table.Columns.Count; i++)
        {
            var type = table.Columns[i].Type;
            command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = Column(rows, i, type) });
        }
    }

    private static Array Column(IReadOnlyList<object?[]> rows, int ordinal, NpgsqlDbType type) => type switch
    {
        NpgsqlDbType.Text => Column<string?>(rows, ordinal),
        NpgsqlDbType.Uuid => Column<Guid?>(rows, ordinal),
        NpgsqlDbType.Bigint => Column<long?>(rows, ordinal),
        NpgsqlDbType.Integer => Column<int?>(rows, ordinal),
        NpgsqlDbType.TimestampTz => Column<DateTimeOffset?>(rows, ordinal),
        NpgsqlDbType.Bytea => Column<byte[]?>(rows, ordinal),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    private static T[] Column<T>(IReadOnlyList<object?[]> rows, int ordinal)
    {
        var values = new T[rows.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (T)Value(rows[i][ordinal])!;
        }

        return values;
    }

    /// <summary>By their ids, which no two rows share: of rows with the same key any may be the one that was written.</summary>
    private static bool[] Wrote(IntakeTable table, IReadOnlyList<object?[]> rows, HashSet<Guid> written) =>
        [.. rows.Select(row => written.Contains((Guid)row[table.IdOrdinal]!))];

    private static object? Value(object? value) => value is string text ? IntakeText.Of(text) : value;
}
