using NpgsqlTypes;

namespace ReleaseBot.History;

/// <summary>
/// A table that the intake fills, and the statements for it: on SQLite one for a row, on PostgreSQL one for any number of rows, which come as an
/// array a column. A row that is there already, by its key, is left as it is.
/// </summary>
internal sealed class IntakeTable
{
    public static readonly IntakeTable Deliveries = new(
        "deliveries",
        "key",
        [
            new("id", NpgsqlDbType.Uuid), new("key", NpgsqlDbType.Text), new("received_at", NpgsqlDbType.TimestampTz), new("event", NpgsqlDbType.Text),
            new("project_id", NpgsqlDbType.Bigint), new("project_path", NpgsqlDbType.Text), new("ref", NpgsqlDbType.Text), new("before", NpgsqlDbType.Text),
            new("after", NpgsqlDbType.Text), new("\"user\"", NpgsqlDbType.Text), new("outcome", NpgsqlDbType.Text), new("reason_code", NpgsqlDbType.Text),
            new("reason_message", NpgsqlDbType.Text), new("release_id", NpgsqlDbType.Uuid), new("headers", NpgsqlDbType.Text), new("body", NpgsqlDbType.Bytea),
            new("body_sha256", NpgsqlDbType.Text), new("body_bytes", NpgsqlDbType.Integer),
        ],
        []);

    public static readonly IntakeTable Releases = new(
        "releases",
        "key",
        [
            new("id", NpgsqlDbType.Uuid), new("key", NpgsqlDbType.Text), new("project_id", NpgsqlDbType.Bigint), new("project_path", NpgsqlDbType.Text),
            new("project_url", NpgsqlDbType.Text), new("ref_kind", NpgsqlDbType.Text), new("ref_name", NpgsqlDbType.Text), new("target", NpgsqlDbType.Text),
            new("trigger_kind", NpgsqlDbType.Text), new("delivery_id", NpgsqlDbType.Uuid), new("trigger_user", NpgsqlDbType.Text),
            new("not_before", NpgsqlDbType.TimestampTz), new("created_at", NpgsqlDbType.TimestampTz),
        ],
        [("status", "'verifying'"), ("attempt", "1"), ("fence", "0"), ("tries", "0")],
        delivery: "delivery_id");

    public static readonly IntakeTable Projects = new(
        "projects",
        "id",
        [new("id", NpgsqlDbType.Bigint), new("path", NpgsqlDbType.Text), new("url", NpgsqlDbType.Text), new("first_seen_at", NpgsqlDbType.TimestampTz)],
        []);

    /// <param name="delivery">The column with the delivery's id, if a row of this table is written only where the one of its delivery was.</param>
    private IntakeTable(
        string name, string key, IReadOnlyList<IntakeColumn> columns, IReadOnlyList<(string Name, string Value)> constants, string? delivery = null)
    {
        Columns = columns;
        IdOrdinal = OrdinalOf("id");
        KeyOrdinal = OrdinalOf(key);
        DeliveryOrdinal = delivery is null ? null : OrdinalOf(delivery);
        var own = string.Join(", ", columns.Select(column => column.Name));
        var holes = string.Join(", ", columns.Select((_, i) => $"${i + 1}"));
        var names = string.Concat([own, .. constants.Select(constant => $", {constant.Name}")]);
        var added = string.Concat(constants.Select(constant => $", {constant.Value}"));
        InsertRow = $"INSERT INTO {name} ({names}) VALUES ({holes}{added}) ON CONFLICT ({key}) DO NOTHING";
        InsertRows = $"INSERT INTO {name} ({names}) SELECT r.*{added} FROM unnest({holes}) AS r ({own}) WHERE {HasDelivery(delivery)} ON CONFLICT ({key}) DO NOTHING RETURNING {key}";
    }

    /// <summary>What a row gives, in this order.</summary>
    public IReadOnlyList<IntakeColumn> Columns { get; }

    /// <summary>Of the column <c>id</c>.</summary>
    public int IdOrdinal { get; }

    /// <summary>Of the column that no two rows share.</summary>
    public int KeyOrdinal { get; }

    /// <summary>Of the column with the delivery's id, if a row of this table is written only where the one of its delivery was.</summary>
    public int? DeliveryOrdinal { get; }

    /// <summary>
    /// For SQLite: one row, its values as <c>$1</c> and so on. By VALUES: from a SELECT there might be several rows, and SQLite would first write each page
    /// that it changes to a statement journal, to be able to take back the first rows for the last one (https://sqlite.org/tempfiles.html#stmtjrnl).
    /// Whether the row of its delivery was written is for the caller to know.
    /// </summary>
    public string InsertRow { get; }

    /// <summary>For PostgreSQL: all rows, a column of them as <c>$1</c> and so on; returns the key of each row that was written.</summary>
    public string InsertRows { get; }

    // Asked for as a value, and so row by row: PostgreSQL may turn an EXISTS into a join, which has an order of its own.
    private static string HasDelivery(string? id) => id is null ? "true" : $"(SELECT d.id FROM deliveries d WHERE d.id = {id}) IS NOT NULL";

    private int OrdinalOf(string column) => Columns.ToList().FindIndex(own => own.Name == column);
}

/// <param name="Name">As SQL has it.</param>
internal readonly record struct IntakeColumn(string Name, NpgsqlDbType Type);
