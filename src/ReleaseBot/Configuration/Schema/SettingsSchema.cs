using System.Collections.Frozen;

namespace ReleaseBot.Configuration;

/// <summary>The whole tree of legal keys.</summary>
internal static class SettingsSchema
{
    public static readonly Setting<string> Urls = new("Urls", SettingTypes.BindingAddresses,
        "Where the web role listens. The standard ASP.NET Core key; endpoints with certificates go into `Kestrel`.")
    { Default = "http://127.0.0.1:8080" };

    public static readonly Setting<Uri> PublicUrl = new("PublicUrl", SettingTypes.WebAddress,
        "Where people reach the pages, for the links in messages, e.g. `https://releasebot.example`. Without it messages have no link to the release.");

    public static readonly SectionMap Registries = new("Registries", "NAME", RegistryKeys.Node, "The registries to publish on, each under a name that the rules use.");
    public static readonly SectionList Projects = new("Projects", ProjectKeys.Node,
        "The rules. The first whose `Path` matches a project is the only one that counts; an event of a project that none matches is ignored, with that reason.");
    public static readonly SectionMap Channels = new("Channels", "NAME", ChannelKeys.Node, "Where to tell of releases, each under a name that `Notify` uses.");

    public static readonly Section Root = new("", "",
        Urls, PublicUrl, GitLabKeys.Node, Registries, Projects, Channels, EngineKeys.Node, StorageKeys.Node, BusKeys.Node, AccessKeys.Node,
        PublishingKeys.Node, RetentionKeys.Node, ReconcileKeys.Node);

    /// <summary>Sections of ASP.NET Core that are passed on as they are.</summary>
    public static readonly FrozenSet<string> HostSections =
        new[] { "Logging", "AllowedHosts", "Kestrel" }.ToFrozenSet(ConfigurationKey.Comparer);

    /// <summary>Ours or the host's.</summary>
    public static bool IsKnownSection(string segment) => HostSections.Contains(segment) || Root.Find(segment) is not null;

    /// <summary>
    /// Whether a variable of the environment, or a file in <c>/run/secrets</c>, is of one of our sections or the host's (<c>GitLab__Token</c>), or a single value at the
    /// top (<c>PublicUrl</c>): others keep things there too.
    /// </summary>
    public static bool IsKnownVariable(string name) => name.Contains(ConfigurationKey.EnvironmentDelimiter, StringComparison.Ordinal)
        ? IsKnownSection(ConfigurationKey.Segments(ConfigurationKey.FromEnvironment(name))[0])
        : ConfigurationKey.Comparer.Equals(name, "AllowedHosts") || Root.Find(name) is SettingNode;

    /// <summary>What the schema says of a key; null for one that is not legal.</summary>
    public static SchemaNode? Find(string key)
    {
        SchemaNode? node = Root;
        foreach (var segment in ConfigurationKey.Segments(key))
        {
            node = node?.Find(segment);
        }

        return node;
    }

    /// <summary>The outermost list that a key belongs to, by its path in the key's own spelling; null for a key outside of lists.</summary>
    public static string? FindList(string key)
    {
        SchemaNode? node = Root;
        var path = "";
        foreach (var segment in ConfigurationKey.Segments(key))
        {
            (node, path) = (node?.Find(segment), ConfigurationKey.Combine(path, segment));
            if (node is ListNode)
            {
                return path;
            }
        }

        return null;
    }

    /// <summary>Every place in the tree with its path, <c>N</c> for a list's index and the map's word for a chosen name.</summary>
    public static IEnumerable<(string Path, SchemaNode Node)> Walk() => Walk("", Root).Skip(1);

    private static IEnumerable<(string Path, SchemaNode Node)> Walk(string path, SchemaNode node)
    {
        yield return (path, node);
        IEnumerable<(string Segment, SchemaNode Node)> below = node switch
        {
            Section section => section.Children.Select(child => (child.Name, child)),
            ListNode { Item: Section item } => [("N", item)],
            MapNode { Item: Section item } map => [(map.KeyName, item)],
            _ => [],
        };
        foreach (var item in below.SelectMany(child => Walk(ConfigurationKey.Combine(path, child.Segment), child.Node)))
        {
            yield return item;
        }
    }
}
