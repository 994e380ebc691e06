using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>Finds keys that do not exist, and values where an object or a list is expected and the other way round.</summary>
internal static class ShapeCheck
{
    private static readonly IReadOnlyList<string> SchemaPaths = [.. SettingsSchema.Walk().Select(place => place.Path)];

    public static void Check(ConfigurationNode root, ICollection<ConfigurationProblem> problems) => CheckChildren(root, SettingsSchema.Root, problems);

    private static void Check(ConfigurationNode node, SchemaNode schema, ICollection<ConfigurationProblem> problems)
    {
        switch (schema)
        {
            case SettingNode setting when node.Children.Count > 0 || node.IsEmptyObject:
                problems.Add(new(node.Path, $"is a single value, not an object or a list: {setting.Legal}."));
                break;
            case ListNode when node.Value is { Length: > 0 } || node.IsEmptyObject:
                problems.Add(new(node.Path, $"is a list: give its first entry as {ConfigurationKey.Combine(node.Path, "0")} (environment: {ConfigurationKey.ToEnvironment(node.Path)}__0), or write [ … ] in a file."));
                break;
            case Section or MapNode when node.Value is not null:
                problems.Add(new(node.Path, $"is an object, not a single value{(schema is Section section ? $"; its keys are {Names(section)}" : "")}."));
                break;
            default:
                CheckChildren(node, schema, problems);
                break;
        }
    }

    private static void CheckChildren(ConfigurationNode node, SchemaNode schema, ICollection<ConfigurationProblem> problems)
    {
        foreach (var child in node.Children)
        {
            if (schema.Find(child.Name) is { } known)
            {
                Check(child, known, problems);
            }
            else
            {
                problems.Add(Unknown(child, node, schema));
            }
        }
    }

    private static ConfigurationProblem Unknown(ConfigurationNode unknown, ConfigurationNode parent, SchemaNode schema)
    {
        if (schema is not Section section)
        {
            return new(unknown.Path, $"{parent.Path} is a list, its entries are numbered: {ConfigurationKey.Combine(parent.Path, "0")}, {ConfigurationKey.Combine(parent.Path, "1")} and so on.");
        }

        var nearest = Nearest(unknown, parent, section);
        return new(unknown.Path, nearest is null
            ? $"is no key. Legal here: {Names(section)}."
            : $"is no key. Did you mean {nearest}? Legal here: {Names(section)}.");
    }

    /// <summary>A neighbour that is spelled alike, else the same name elsewhere in the tree.</summary>
    private static string? Nearest(ConfigurationNode unknown, ConfigurationNode parent, Section section) =>
        NearestName.Find(unknown.Name, section.Children.Select(child => child.Name)) is { } neighbour
            ? ConfigurationKey.Combine(parent.Path, neighbour)
            : SchemaPaths.FirstOrDefault(path => ConfigurationKey.Comparer.Equals(ConfigurationKey.Segments(path)[^1], unknown.Name));

    private static string Names(Section section) => string.Join(", ", section.Children.Select(child => child.Name));
}
