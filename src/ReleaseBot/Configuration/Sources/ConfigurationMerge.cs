namespace ReleaseBot.Configuration;

/// <summary>
/// Lays the sources over each other. Single values and maps are merged key by key; a list is taken whole from the last source that gives any
/// part of it; null undoes what earlier sources say of the key and of all below it. (The stock binder merges arrays by index, so a shorter list in a later file would keep the tail of the earlier one.)
/// </summary>
internal static class ConfigurationMerge
{
    /// <param name="layers">The one that wins comes last.</param>
    public static MergedConfiguration Merge(IReadOnlyList<ConfigurationLayer> layers)
    {
        OrderedDictionary<string, ConfiguredValue> merged = new(ConfigurationKey.Comparer);
        List<ReplacedList> replaced = [];
        foreach (var layer in layers)
        {
            foreach (var list in layer.Values.Select(value => SettingsSchema.FindList(value.Key)).OfType<string>().Distinct(ConfigurationKey.Comparer))
            {
                replaced.AddRange(Hide(list, layer.Source, merged));
            }

            foreach (var (key, value) in layer.Values)
            {
                var isEmptyObject = layer.EmptyObjects.Contains(key);
                if (value is null && !isEmptyObject)
                {
                    Remove(key, merged);
                }

                // Removed first, so that the key is spelled as in the source that wins.
                merged.Remove(key);
                merged.Add(key, new ConfiguredValue(key, value, layer.Source) { IsEmptyObject = isEmptyObject });
            }
        }

        return new MergedConfiguration([.. merged.Values], replaced);
    }

    private static IEnumerable<ReplacedList> Hide(string list, string by, OrderedDictionary<string, ConfiguredValue> merged) =>
        Remove(list, merged).Select(value => value.Source).Distinct().Select(source => new ReplacedList(list, by, source));

    private static List<ConfiguredValue> Remove(string root, OrderedDictionary<string, ConfiguredValue> merged)
    {
        var removed = merged.Values.Where(value => ConfigurationKey.IsAtOrBelow(value.Key, root)).ToList();
        foreach (var value in removed)
        {
            merged.Remove(value.Key);
        }

        return removed;
    }
}
