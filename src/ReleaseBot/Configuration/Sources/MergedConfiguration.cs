namespace ReleaseBot.Configuration;

/// <param name="Source">Where it came from, for people.</param>
internal sealed record ConfiguredValue(string Key, string? Value, string Source)
{
    /// <summary>The object <c>{}</c> was given, not null.</summary>
    public bool IsEmptyObject { get; init; }

    /// <summary>The value may be a secret, so a value never prints itself.</summary>
    public override string ToString() => $"{Key} from {Source}";
}

/// <summary>A list of an earlier source that a later one hides.</summary>
internal sealed record ReplacedList(string Path, string By, string Of);

/// <summary>All sources as one, before anything is judged.</summary>
internal sealed class MergedConfiguration(IReadOnlyList<ConfiguredValue> values, IReadOnlyList<ReplacedList> replacedLists)
{
    public IReadOnlyList<ConfiguredValue> Values => values;

    public IReadOnlyList<ReplacedList> ReplacedLists => replacedLists;

    /// <summary>
    /// The part that ASP.NET Core reads itself: <c>Urls</c> (with our default, unless <c>Kestrel:Endpoints</c> says where to listen),
    /// <c>Logging</c>, <c>AllowedHosts</c> and <c>Kestrel</c>. None of our secrets is in it.
    /// </summary>
    public IConfiguration ForHost()
    {
        var urls = SettingsSchema.Urls;
        Dictionary<string, string?> host = new(ConfigurationKey.Comparer);
        foreach (var value in values.Where(value => SettingsSchema.HostSections.Contains(ConfigurationKey.Segments(value.Key)[0])))
        {
            host[value.Key] = value.Value;
        }

        var given = values.FirstOrDefault(value => ConfigurationKey.Comparer.Equals(value.Key, urls.Name))?.Value;
        if (given is not null || !host.Any(entry => entry.Value is not null && ConfigurationKey.IsAtOrBelow(entry.Key, "Kestrel:Endpoints")))
        {
            host[urls.Name] = given ?? urls.Default;
        }

        return new ConfigurationBuilder().AddInMemoryCollection(host).Build();
    }
}
