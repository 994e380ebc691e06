namespace ReleaseBot.Configuration;

/// <summary>One segment of the keys that were given, with what was given below it.</summary>
internal sealed class ConfigurationNode(string name, string path)
{
    private readonly List<ConfigurationNode> _children = [];

    public string Name => name;

    public string Path => path;

    /// <summary>What was given for this very key; null where only keys below it were, or null itself.</summary>
    public ConfiguredValue? Given { get; private set; }

    public string? Value => Given?.Value;

    public bool IsEmptyObject => Given is { IsEmptyObject: true };

    /// <summary>Anything but null was given for it, of whatever shape.</summary>
    public bool IsGiven => Value is not null || IsEmptyObject || _children.Count > 0;

    /// <summary>In the order of the sources; a list's items by their index.</summary>
    public IReadOnlyList<ConfigurationNode> Children => _children;

    public ConfigurationNode? Find(string segment) => _children.Find(child => ConfigurationKey.Comparer.Equals(child.Name, segment));

    /// <summary>The tree of all keys but the host's.</summary>
    public static ConfigurationNode Tree(IEnumerable<ConfiguredValue> values)
    {
        ConfigurationNode root = new("", "");
        foreach (var value in values)
        {
            var node = root;
            foreach (var segment in ConfigurationKey.Segments(value.Key))
            {
                node = node.FindOrAdd(segment);
            }

            node.Given = value;
        }

        root._children.RemoveAll(child => SettingsSchema.HostSections.Contains(child.Name));
        return root;
    }

    public IEnumerable<ConfigurationNode> Items() =>
        _children.Where(child => ListNode.IsIndex(child.Name)).OrderBy(child => int.Parse(child.Name, System.Globalization.CultureInfo.InvariantCulture));

    private ConfigurationNode FindOrAdd(string segment)
    {
        if (Find(segment) is { } found)
        {
            return found;
        }

        ConfigurationNode added = new(segment, ConfigurationKey.Combine(path, segment));
        _children.Add(added);
        return added;
    }
}
