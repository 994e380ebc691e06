namespace ReleaseBot.History;

/// <summary>The intake's statements for what is there already; PostgreSQL and SQLite read them alike. New rows are <see cref="IntakeTable"/>'s.</summary>
internal static class IntakeSql
{
    public const string FindDelivery = "SELECT id, outcome, reason_code, reason_message FROM deliveries WHERE key = @key";

    public const string FindRelease = "SELECT id FROM releases WHERE key = @key";

    /// <summary>A release that ended rejected, failed or canceled is judged again, as its next attempt.</summary>
    public const string JudgeAgain =
        """
        UPDATE releases
           SET previous_status = status, status = 'verifying', attempt = attempt + 1, fence = fence + 1, reason_code = NULL, reason_message = NULL, owner = NULL,
               lease_until = NULL, not_before = @now, tries = 0, waiting_since = NULL, dispatched_at = NULL, dispatch_lease_until = NULL,
               cancel_requested_at = NULL, queued_at = NULL, finished_at = NULL
         WHERE id = @id AND status IN ('rejected', 'failed', 'canceled')
        """;

    public const string SetOutcome =
        "UPDATE deliveries SET outcome = @outcome, reason_code = @code, reason_message = @message, release_id = @release_id WHERE id = @id";
}
