using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

internal static class AccessKeys
{
    public static readonly SectionList Tokens = new("Tokens", AccessTokenKeys.Node,
        "Who may use the API. With none, reading is allowed over loopback only and every change is refused.");
    public static readonly Setting<bool> AnonymousRead = new("AnonymousRead", SettingTypes.Flag,
        "Let everybody read, from everywhere. It counts only beside an entry of `Tokens`: with none, reading stays on loopback, and what comes by a proxy or another name is answered with 403.")
    { Default = "false" };

    public static readonly Section Node = new("Access", "Who may use the API and the dashboard.", Tokens, AnonymousRead);
}

internal static class AccessTokenKeys
{
    public static readonly Setting<string> Name = new("Name", SettingTypes.Text, "Recorded with what the token's holder does; each name once.") { IsRequired = true };
    public static readonly Setting<Secret> Secret = new("Secret", SecretTypes.Shared, "Sent as `Authorization: Bearer SECRET`.") { IsRequired = true };
    public static readonly ValueList<AccessScope> Scopes = new("Scopes", SettingTypes.Choice<AccessScope>(), "What the holder may do.") { MayBeEmpty = false };

    public static readonly Section Node = new("", "", Name, Secret, Scopes);
}

internal static class PublishingKeys
{
    public static readonly Setting<TimeSpan> GiveUpAfter = new("GiveUpAfter",
        SettingTypes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)), "How long a registry that is away is waited for.")
    { Default = "24:00:00" };
    public static readonly Setting<bool> RestoreVersions = new("RestoreVersions", SettingTypes.Flag,
        "Put a version tag back that somebody else moved in a registry; otherwise it is only told.")
    { Default = "false" };

    public static readonly Section Node = new("Publishing", "How stubborn publishing is.", GiveUpAfter, RestoreVersions);
}

internal static class RetentionKeys
{
    private static readonly SettingType<TimeSpan> Span = SettingTypes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(36_500));

    public static readonly Setting<TimeSpan> Logs = new("Logs", Span, "How long build logs are kept.") { Default = "90.00:00:00" };
    public static readonly Setting<TimeSpan> Deliveries = new("Deliveries", Span, "How long webhook deliveries are kept.") { Default = "30.00:00:00" };

    public static readonly Section Node = new("Retention", "How long things are kept. Releases and tag moves are kept for ever.", Logs, Deliveries);
}

internal static class ReconcileKeys
{
    public static readonly Setting<TimeSpan> Interval = new("Interval",
        SettingTypes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)), "How often GitLab's protected tags are compared with the history, and published tags with the registries (drift). A round begins at start.")
    { Default = "00:05:00" };

    public static readonly Section Node = new("Reconcile", "Finding what no delivery told.", Interval);
}
