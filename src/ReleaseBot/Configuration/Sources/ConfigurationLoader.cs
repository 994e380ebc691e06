namespace ReleaseBot.Configuration;

/// <summary>Reads every source and merges them in the order that is promised.</summary>
internal static class ConfigurationLoader
{
    /// <summary>What could be read, and the sources' own mistakes: a file that is missing or no JSON, a secret on the command line.</summary>
    public static (MergedConfiguration Configuration, IReadOnlyList<ConfigurationProblem> Problems) Load(ConfigurationSources sources)
    {
        List<ConfigurationProblem> problems = [];
        var defaultFile = Path.Combine(sources.WorkingDirectory, ConfigurationSources.DefaultFileName);
        ConfigurationLayer?[] layers =
        [
            File.Exists(defaultFile) ? JsonSettingsFile.Read(defaultFile, ConfigurationSources.DefaultFileName, problems) : null,
            sources.ConfigFile is { } file ? JsonSettingsFile.Read(Path.Combine(sources.WorkingDirectory, file), file, problems) : null,
            SecretsDirectory.Read(sources.SecretsDirectory, problems),
            EnvironmentLayer.Read(sources.Environment),
            CommandLineLayer.Read(sources.CommandLine, problems),
        ];
        return (ConfigurationMerge.Merge([.. layers.OfType<ConfigurationLayer>()]), problems);
    }
}
