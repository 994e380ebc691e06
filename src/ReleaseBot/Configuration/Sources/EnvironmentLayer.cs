namespace ReleaseBot.Configuration;

/// <summary>The variables of our sections (<c>GitLab__Token</c>); the environment holds many others, which are no business of ours.</summary>
internal static class EnvironmentLayer
{
    public const string Source = "the environment";

    private const string StandardUrls = "ASPNETCORE_URLS";

    public static ConfigurationLayer Read(IReadOnlyDictionary<string, string> environment)
    {
        List<KeyValuePair<string, string?>> values = [];

        // ASP.NET Core's own name for Urls; ours comes after it and wins.
        if (environment.TryGetValue(StandardUrls, out var urls) && urls.Length > 0)
        {
            values.Add(new(SettingsSchema.Urls.Name, urls));
        }

        foreach (var (name, value) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (SettingsSchema.IsKnownVariable(name))
            {
                values.Add(new(ConfigurationKey.FromEnvironment(name), value));
            }
        }

        return new ConfigurationLayer(Source, values);
    }
}
