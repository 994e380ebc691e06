namespace ReleaseBot.History;

/// <summary>The intake's statements for what is there already; PostgreSQL and SQLite read them alike. New rows are <see cref="IntakeTable"/>'s.</summary>
internal static class IntakeSql
{
    public const string FindDelivery = "SELECT id, outcome, reason_code, reason_message, release_id FROM deliveries WHERE key = @key";

    public const string SetOutcome =
        "UPDATE deliveries SET outcome = @outcome, reason_code = @code, reason_message = @message, release_id = @release_id WHERE id = @id";

    /// <summary>Of what was ignored none is kept.</summary>
    public const string KeepBody = "UPDATE deliveries SET body = @body WHERE id = @id AND body IS NULL";
}
