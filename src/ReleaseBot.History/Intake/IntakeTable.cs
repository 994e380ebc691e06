using NpgsqlTypes;

namespace ReleaseBot.History;

/// <summary>A table that the intake fills. A row that is there already, by its key, is left as it is.</summary>
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
            new("trigger_kind", NpgsqlDbType.Text), new(DeliveryId, NpgsqlDbType.Uuid), new("trigger_user", NpgsqlDbType.Text),
            new("not_before", NpgsqlDbType.TimestampTz), new("created_at", NpgsqlDbType.TimestampTz),
        ],
        [("status", "'verifying'"), ("attempt", "1"), ("fence", "0"), ("tries", "0")]);

    public static readonly IntakeTable Projects = new(
        "projects",
        "id",
        [new("id", NpgsqlDbType.Bigint), new("path", NpgsqlDbType.Text), new("url", NpgsqlDbType.Text), new("first_seen_at", NpgsqlDbType.TimestampTz)],
        []);

    /// <summary>Of a release: the id of the delivery that it came of.</summary>
    public const string DeliveryId = "delivery_id";

    private readonly string _names;
    private readonly string _into;
    private readonly string _constants;
    private readonly string _unlessThere;

    private IntakeTable(string name, string key, IReadOnlyList<IntakeColumn> columns, IReadOnlyList<(string Name, string Value)> constants)
    {
        Columns = columns;
        IdOrdinal = OrdinalOf("id");
        _names = string.Join(", ", columns.Select(column => column.Name));
        _into = $"INSERT INTO {name} ({string.Concat([_names, .. constants.Select(constant => $", {constant.Name}")])})";
        _constants = string.Concat(constants.Select(constant => $", {constant.Value}"));
        _unlessThere = $"ON CONFLICT ({key}) DO NOTHING";
        InsertRow = $"{_into} VALUES ({Holes(1)}{_constants}) {_unlessThere}";
    }

    /// <summary>What a row gives, in this order.</summary>
    public IReadOnlyList<IntakeColumn> Columns { get; }

    public int IdOrdinal { get; }

    /// <summary>
    /// One row, its values as <c>$1</c> and so on. By VALUES: from a SELECT there might be several rows, and SQLite would first write each page that it changes
    /// to a statement journal, to be able to take back the first rows for the last one (https://sqlite.org/tempfiles.html#stmtjrnl).
    /// </summary>
    public string InsertRow { get; }

    /// <summary>For PostgreSQL: any number of rows in the order given, a column of them as an array.</summary>
    /// <param name="firstHole">The number of the first column's array, <c>$1</c> and so on.</param>
    /// <param name="where">Which of the rows <c>given</c> are written; all where it is not given.</param>
    /// <returns>The statement; it gives the id of each row that was written.</returns>
    public string InsertRows(int firstHole, string where = "true") =>
        $"{_into} SELECT given.*{_constants} FROM unnest({Holes(firstHole)}) AS given ({_names}) WHERE {where} {_unlessThere} RETURNING id";

    public int OrdinalOf(string column) => Columns.Index().First(own => own.Item.Name == column).Index;

    private string Holes(int first) => string.Join(", ", Columns.Select((_, i) => $"${first + i}"));
}

/// <param name="Name">As SQL has it.</param>
internal readonly record struct IntakeColumn(string Name, NpgsqlDbType Type);
