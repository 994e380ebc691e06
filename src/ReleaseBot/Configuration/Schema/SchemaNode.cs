namespace ReleaseBot.Configuration;

/// <summary>When a changed value counts.</summary>
internal enum TakesEffect
{
    AtRestart,
    Live,
}

/// <summary>
/// One place in the tree of legal keys. The tree is the only description of the configuration: it reads, finds unknown keys, and writes the
/// reference in docs/configuration.md.
/// </summary>
/// <param name="name">The key's last segment; empty for the root and for what a list or a map holds.</param>
/// <param name="meaning">One or two sentences for the reference.</param>
internal abstract class SchemaNode(string name, string meaning)
{
    public string Name => name;

    public string Meaning => meaning;

    /// <summary>What stands below a segment with this name; null where that is not a legal key.</summary>
    public abstract SchemaNode? Find(string segment);

    public override string ToString() => Name;
}

/// <summary>An object with known keys.</summary>
internal sealed class Section(string name, string meaning, params SchemaNode[] children) : SchemaNode(name, meaning)
{
    public IReadOnlyList<SchemaNode> Children => children;

    public override SchemaNode? Find(string segment) => children.FirstOrDefault(child => ConfigurationKey.Comparer.Equals(child.Name, segment));
}

/// <summary>An array. Given by one source as a whole: a later source's list hides an earlier one.</summary>
internal abstract class ListNode(string name, string meaning, SchemaNode item) : SchemaNode(name, meaning)
{
    public SchemaNode Item => item;

    public override SchemaNode? Find(string segment) => IsIndex(segment) ? item : null;

    public static bool IsIndex(string segment) => segment.Length is > 0 and < 7 && !segment.AsSpan().ContainsAnyExceptInRange('0', '9');
}

/// <summary>An object whose keys the operator chooses. Sources are merged key by key.</summary>
/// <param name="keyName">What stands for the chosen key in the reference, e.g. <c>NAME</c>.</param>
internal abstract class MapNode(string name, string keyName, string meaning, SchemaNode item) : SchemaNode(name, meaning)
{
    public string KeyName => keyName;

    public SchemaNode Item => item;

    public override SchemaNode? Find(string segment) => segment.Length > 0 ? item : null;
}

/// <summary>A single value, whatever its type.</summary>
internal abstract class SettingNode(string name, string meaning) : SchemaNode(name, meaning)
{
    public abstract string TypeName { get; }

    public abstract string Legal { get; }

    public abstract Secrecy Secrecy { get; }

    /// <summary>As one would write it; null where there is none.</summary>
    public string? Default { get; init; }

    public bool IsRequired { get; init; }

    public TakesEffect Effect { get; init; } = TakesEffect.AtRestart;

    public override SchemaNode? Find(string segment) => null;
}

internal sealed class Setting<T>(string name, SettingType<T> type, string meaning) : SettingNode(name, meaning)
    where T : notnull
{
    public SettingType<T> Type => type;

    public override string TypeName => type.Name;

    public override string Legal => type.Legal;

    public override Secrecy Secrecy => type.Secrecy;
}

/// <summary>What a list of values has where no source gives it.</summary>
internal interface IDefaultEntries
{
    IReadOnlyList<string> Default { get; }

    bool MayBeEmpty { get; }
}

internal sealed class ValueList<T>(string name, SettingType<T> type, string meaning) : ListNode(name, meaning, new Setting<T>("", type, "")), IDefaultEntries
    where T : notnull
{
    public SettingType<T> Type => type;

    /// <summary>Used where no source gives the list; a list that is given replaces it.</summary>
    public IReadOnlyList<string> Default { get; init; } = [];

    public bool MayBeEmpty { get; init; } = true;
}

internal sealed class SectionList(string name, Section item, string meaning) : ListNode(name, meaning, item)
{
    public bool MayBeEmpty { get; init; } = true;
}

internal sealed class ValueMap<T>(string name, string keyName, SettingType<T> type, string meaning)
    : MapNode(name, keyName, meaning, new Setting<T>("", type, ""))
    where T : notnull
{
    public SettingType<T> Type => type;
}

internal sealed class SectionMap(string name, string keyName, Section item, string meaning) : MapNode(name, keyName, meaning, item);
