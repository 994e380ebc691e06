namespace ReleaseBot.History;

/// <summary>The statements of the intake; PostgreSQL and SQLite read them alike.</summary>
internal static class IntakeSql
{
    public const string InsertDelivery =
        """
        INSERT INTO deliveries (id, key, received_at, event, project_id, project_path, ref, before, after, "user", outcome, reason_code, reason_message, release_id, headers, body, body_sha256, body_bytes)
        VALUES (@id, @key, @received_at, @event, @project_id, @project_path, @ref, @before, @after, @user, @outcome, @code, @message, @release_id, @headers, @body, @body_sha256, @body_bytes)
        ON CONFLICT (key) DO NOTHING
        """;

    public const string FindDelivery = "SELECT id, outcome, reason_code, reason_message FROM deliveries WHERE key = @key";

    public const string InsertRelease =
        """
        INSERT INTO releases (id, key, project_id, project_path, project_url, ref_kind, ref_name, target, trigger_kind, delivery_id, trigger_user, status, attempt, fence, not_before, tries, created_at)
        VALUES (@id, @key, @project_id, @project_path, @project_url, @ref_kind, @ref_name, @target, @trigger_kind, @delivery_id, @trigger_user, 'verifying', 1, 0, @now, 0, @now)
        ON CONFLICT (key) DO NOTHING
        """;

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

    public const string InsertProject =
        "INSERT INTO projects (id, path, url, first_seen_at) VALUES (@id, @path, @url, @now) ON CONFLICT (id) DO NOTHING";
}
