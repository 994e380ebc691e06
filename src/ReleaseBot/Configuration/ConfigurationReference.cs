using System.Text;

namespace ReleaseBot.Configuration;

/// <summary>The reference of all keys, written from the schema: as Markdown for docs/configuration.md, as plain text for <c>releasebot config</c>.</summary>
internal static class ConfigurationReference
{
    public static string Markdown()
    {
        StringBuilder text = new();
        foreach (var (title, meaning, rows) in Groups())
        {
            text.Append($"### {title}\n\n");
            if (meaning.Length > 0)
            {
                text.Append($"{meaning}\n\n");
            }

            text.Append("| Key | Environment | Type | Default | Takes effect | Meaning |\n|---|---|---|---|---|---|\n");
            foreach (var row in rows)
            {
                text.Append($"| `{row.Key}` | `{row.Environment}` | {Cell(row.Type)} | {Cell(row.Default is { } value ? $"`{value}`" : row.Required)} | {row.Effect} | {Cell(row.Meaning)} |\n");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    public static void WriteText(TextWriter output)
    {
        foreach (var (title, meaning, rows) in Groups())
        {
            output.WriteLine($"{title}: {Plain(meaning)}".TrimEnd(' ', ':'));
            foreach (var row in rows)
            {
                output.WriteLine($"  {row.Key}   ({row.Type}; {(row.Default is { } value ? $"default {value}" : row.Required.Length > 0 ? row.Required : "no default")})");
                output.WriteLine($"      {Plain(row.Meaning)}");
            }

            output.WriteLine();
        }
    }

    private static IEnumerable<(string Title, string Meaning, IReadOnlyList<Row> Rows)> Groups()
    {
        var rows = SettingsSchema.Walk().Select(place => RowOf(place.Path, place.Node)).OfType<Row>().ToList();
        foreach (var section in SettingsSchema.Root.Children)
        {
            yield return (section.Name, section is SettingNode ? "" : section.Meaning,
                [.. rows.Where(row => ConfigurationKey.Segments(row.Key)[0] == section.Name)]);
        }
    }

    private static Row? RowOf(string path, SchemaNode node) => node switch
    {
        SettingNode setting => new Row(path, setting)
        {
            Default = setting.Default,
            Required = setting.IsRequired ? "required" : "",
            Meaning = Describe(setting.Meaning, setting),
        },
        ListNode { Item: SettingNode item } list => new Row($"{path}:N", item)
        {
            Type = $"list of {item.TypeName}",
            Default = DefaultOf(list),
            Required = MustHaveEntries(list) ? "at least one" : "",
            Meaning = Describe(list.Meaning, item),
        },
        MapNode { Item: SettingNode item } map => new Row($"{path}:{map.KeyName}", item) { Default = "{}", Meaning = Describe(map.Meaning, item) },
        _ => null,
    };

    private static string? DefaultOf(ListNode list) => list switch
    {
        IDefaultEntries { Default: { Count: > 0 } entries } => $"[{string.Join(", ", entries.Select(entry => $"\"{entry}\""))}]",
        _ when MustHaveEntries(list) => null,
        _ => "[]",
    };

    private static bool MustHaveEntries(ListNode list) => list is IDefaultEntries { MayBeEmpty: false };

    /// <summary>With what is legal, where the type does not say it already.</summary>
    private static string Describe(string meaning, SettingNode setting) =>
        setting.TypeName == setting.Legal || setting.TypeName.Contains(" | ", StringComparison.Ordinal) || setting.Legal == SecretTypes.Any.Legal
            ? meaning
            : $"{meaning} Must be {setting.Legal}.";

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    private static string Plain(string text) => text.Replace("`", "", StringComparison.Ordinal);

    private sealed record Row(string Key, SettingNode Setting)
    {
        public string Environment => ConfigurationKey.ToEnvironment(Key);

        public string Type { get; init; } = Setting.TypeName;

        public string? Default { get; init; }

        public string Required { get; init; } = "";

        public string Meaning { get; init; } = "";

        public string Effect => Setting.Effect == TakesEffect.Live ? "at once" : "at restart";
    }
}
