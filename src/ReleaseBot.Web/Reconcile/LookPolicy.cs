using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Decides which projects are worth a request. Pure.</summary>
internal static class LookPolicy
{
    /// <summary>GitLab moves last_activity_at on only where it is an hour old (app/models/event.rb, RESET_PROJECT_ACTIVITY_INTERVAL).</summary>
    private static readonly TimeSpan ActivityLag = TimeSpan.FromHours(1);

    /// <summary>For clocks that differ, and for the event, which GitLab writes down some time after the push.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(10);

    /// <summary>A project that seems idle: a push without an event, as of an import, or a tag protected since, which is no activity.</summary>
    private static readonly TimeSpan IdleLook = TimeSpan.FromHours(18);

    /// <summary>Spreads the looks at idle projects, so that they do not come all at once again.</summary>
    private static readonly TimeSpan IdleSpread = TimeSpan.FromHours(6);

    /// <summary>Of a project with tags that no hook told of and that nothing protects yet.</summary>
    private static readonly TimeSpan OpenLook = TimeSpan.FromHours(1);

    /// <summary>Of a project that GitLab does not list for us: its activity is not known without a request.</summary>
    private static readonly TimeSpan UnlistedLook = TimeSpan.FromHours(1);

    private static readonly TimeSpan HooksLook = TimeSpan.FromHours(1);

    /// <summary>Whether a tag may have been pushed since we last looked, or it has been long enough.</summary>
    public static bool IsDue(Project? known, DateTimeOffset? lastActivityAt, DateTimeOffset now) =>
        known?.BaselineAt is null
        || known.ReconciledAt is not { } lookedAt
        || lastActivityAt is not { } active
        || active > lookedAt - ActivityLag - Margin
        || known.NextLookAt is not { } next
        || next <= now;

    /// <summary>Whether an unlisted project is worth asking for.</summary>
    public static bool IsUnlistedDue(Project known, DateTimeOffset now) =>
        known.NextLookAt is not { } next || next <= now || known.ReconciledAt is not { } lookedAt || lookedAt <= now - UnlistedLook;

    public static DateTimeOffset NextLook(long projectId, bool hasOpenTags, DateTimeOffset now) =>
        hasOpenTags ? now + OpenLook : now + IdleLook + Spread(projectId);

    public static DateTimeOffset NextHooks(long projectId, bool mayBeSeen, DateTimeOffset now) =>
        mayBeSeen ? now + HooksLook : now + IdleLook + Spread(projectId);

    private static TimeSpan Spread(long projectId) => TimeSpan.FromSeconds((ulong)projectId * 2_654_435_761 % (ulong)IdleSpread.TotalSeconds);
}
