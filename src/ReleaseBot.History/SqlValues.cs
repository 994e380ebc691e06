namespace ReleaseBot.History;

internal static class SqlValues
{
    /// <summary>A time as raw SQL takes it: ticks on SQLite, as the model's converter stores them.</summary>
    public static object ForSql(this DateTimeOffset moment, HistoryDatabase database) => database.IsSqlite ? moment.UtcTicks : moment;

    /// <summary>E.g. <c>{6}, {7}</c>, where parameters go.</summary>
    public static string Holes<T>(int first, IReadOnlyCollection<T> values) => string.Join(", ", values.Select((_, i) => $"{{{first + i}}}"));

    /// <summary>A span that raw SQL adds to such a time.</summary>
    public static object ForSql(this TimeSpan span, HistoryDatabase database) => database.IsSqlite ? span.Ticks : span;
}
