using System.Diagnostics.CodeAnalysis;

namespace ReleaseBot.Configuration;

/// <summary>A value with the key it was read from; the key of the list or map's entry, for problems.</summary>
internal readonly record struct Located<T>(string Key, T Value);

/// <summary>What all readers share: where problems go, and which lists were hidden by later sources.</summary>
internal sealed record ReadingContext(IReadOnlyList<ReplacedList> ReplacedLists, List<ConfigurationProblem> Problems);

/// <summary>Reads one object of the configuration by its schema. A mistake becomes a problem, and reading goes on with whatever stands in for the value.</summary>
/// <param name="node">What was given; null where nothing was.</param>
internal sealed class SectionReader(ConfigurationNode? node, string path, ReadingContext context)
{
    public string Path => path;

    public string KeyOf(SchemaNode schema) => ConfigurationKey.Combine(path, schema.Name);

    public void Report(SchemaNode schema, string message) => Report(KeyOf(schema), message);

    public void Report(string key, string message) => context.Problems.Add(new(key, message));

    /// <summary>As <see cref="Report(SchemaNode, string)"/>, of what was not given at all.</summary>
    public void ReportAbsence(SchemaNode schema, string message) => context.Problems.Add(new(KeyOf(schema), message) { IsAbsence = true });

    public bool IsGiven(SchemaNode schema) => node?.Find(schema.Name) is { IsGiven: true };

    /// <summary>How many entries the list was given, legal ones or not; null where it was not given.</summary>
    public int? GivenEntries(ListNode list) => node?.Find(list.Name) is { IsGiven: true } child ? child.Children.Count : null;

    /// <summary>The value or its default; null (for a structure, its zero) where there is neither, which is a problem if the key is required.</summary>
    public T? Value<T>(Setting<T> setting)
        where T : notnull => TryValue(setting, out var value) ? value : default;

    /// <summary>As <see cref="Value{T}(Setting{T})"/> of what names a file or folder, which has to be there for a process that needs it and for no other.</summary>
    public T? Value<T>(Setting<T> setting, bool isNeeded)
        where T : notnull
    {
        if (TryValue(setting, out var value) && isNeeded && setting.Type.WhyUnusable?.Invoke(value) is { } why)
        {
            ReportIllegal(node?.Find(setting.Name)?.Path ?? KeyOf(setting), setting.Type, $"{value}", why);
        }

        return value;
    }

    /// <summary>As <see cref="Value{T}(Setting{T})"/>, and tells whether there is a value to draw conclusions from.</summary>
    public bool TryValue<T>(Setting<T> setting, [NotNullWhen(true)] out T? value)
        where T : notnull
    {
        value = default;
        var child = node?.Find(setting.Name);
        if (child is { Value: { } text })
        {
            return TryParse(child.Path, setting.Type, text, out value);
        }

        if (setting.Default is { } written)
        {
            return TryParse(KeyOf(setting), setting.Type, written, out value);
        }

        if (setting.IsRequired && child is not { IsGiven: true })
        {
            ReportAbsence(setting, $"is required: {setting.Legal}.{WhyHidden(KeyOf(setting))}");
        }

        return false;
    }

    public IReadOnlyList<Located<T>> Values<T>(ValueList<T> list)
        where T : notnull
    {
        var child = node?.Find(list.Name);
        if (child is not { IsGiven: true })
        {
            CheckNotEmpty(list, list.MayBeEmpty || list.Default.Count > 0);
            return [.. list.Default.Select(text => new Located<T>(KeyOf(list), list.Type.Parse(text).Value!))];
        }

        List<Located<T>> values = [];
        foreach (var item in child.Items())
        {
            if (!item.IsGiven)
            {
                Report(item.Path, $"is null; must be {list.Type.Legal}.");
            }
            else if (item.Value is { } text && TryParse(item.Path, list.Type, text, out var value))
            {
                values.Add(new(item.Path, value));
            }
        }

        CheckNotEmpty(list, list.MayBeEmpty || child.Children.Count > 0 || IsNoList(child));
        return values;
    }

    public IReadOnlyList<SectionReader> Sections(SectionList list)
    {
        var child = node?.Find(list.Name);
        List<SectionReader> sections = [.. child?.Items().Select(item => new SectionReader(item, item.Path, context)) ?? []];
        CheckNotEmpty(list, list.MayBeEmpty || sections.Count > 0 || IsNoList(child));
        return sections;
    }

    public IReadOnlyDictionary<string, Located<T>> Values<T>(ValueMap<T> map)
        where T : notnull
    {
        // Ordinal: case counts in the name of a build argument.
        Dictionary<string, Located<T>> values = new(StringComparer.Ordinal);
        foreach (var item in node?.Find(map.Name)?.Children ?? [])
        {
            if (item.Value is not null && TryParse(item.Path, map.Type, item.Value, out var value))
            {
                values[item.Name] = new(item.Path, value);
            }
        }

        return values;
    }

    public IReadOnlyList<(string Name, SectionReader Reader)> Sections(SectionMap map) =>
        [.. node?.Find(map.Name)?.Children.Where(item => item.IsGiven).Select(item => (item.Name, new SectionReader(item, item.Path, context))) ?? []];

    public SectionReader Section(Section section) => new(node?.Find(section.Name), KeyOf(section), context);

    /// <summary>Of a shape that <see cref="ShapeCheck"/> refuses.</summary>
    private static bool IsNoList(ConfigurationNode? child) => child is { Value.Length: > 0 } or { IsEmptyObject: true };

    private bool TryParse<T>(string key, SettingType<T> type, string text, [NotNullWhen(true)] out T? value)
        where T : notnull
    {
        value = default;
        if (text.Length == 0 && !type.MayBeEmpty)
        {
            Report(key, $"is empty; must be {type.Legal}.");
            return false;
        }

        var parsed = type.Parse(text);
        if (!parsed.IsLegal)
        {
            ReportIllegal(key, type, text, parsed.Why);
        }

        value = parsed.Value;
        return parsed.IsLegal;
    }

    private void ReportIllegal<T>(string key, SettingType<T> type, string text, string? why)
        where T : notnull
    {
        var quoted = type.Secrecy == Secrecy.Public ? $"{Quote(text)} is not legal; " : "";
        Report(key, $"{quoted}must be {type.Legal}{(why is null ? "" : $": {why}")}.");
    }

    private void CheckNotEmpty(ListNode list, bool holds)
    {
        if (!holds)
        {
            Report(list, $"must have at least one entry.{WhyHidden(KeyOf(list))}");
        }
    }

    /// <summary>A list that a later source gives in part hides the rest of it, which looks like a missing key.</summary>
    private string WhyHidden(string key) =>
        context.ReplacedLists.LastOrDefault(list => ConfigurationKey.IsAtOrBelow(key, list.Path)) is { } list
            ? $" (The list {list.Path} is taken whole from {list.By}; what {list.Of} says of it does not count.)"
            : "";

    private static string Quote(string text)
    {
        var shown = text.Length > 80 ? text[..80] + "…" : text;
        return $"\"{string.Concat(shown.Select(c => char.IsControl(c) ? '?' : c))}\"";
    }
}
