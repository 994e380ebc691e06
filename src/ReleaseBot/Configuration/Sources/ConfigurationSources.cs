using System.Collections;

namespace ReleaseBot.Configuration;

/// <summary>Where the configuration comes from, in the order of the properties: what comes later wins.</summary>
internal sealed record ConfigurationSources
{
    public const string DefaultFileName = "appsettings.json";

    /// <summary>Holds <c>appsettings.json</c>, which may be missing.</summary>
    public string WorkingDirectory { get; init; } = Directory.GetCurrentDirectory();

    /// <summary>The file of <c>--config</c>, which may not be missing.</summary>
    public string? ConfigFile { get; init; }

    /// <summary>A file per key, <c>__</c> in its name for <c>:</c>; may be missing.</summary>
    public string SecretsDirectory { get; init; } = "/run/secrets";

    /// <summary>All variables; only those of our sections count.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = ProcessEnvironment();

    /// <summary>What the command line holds besides the command's own options: <c>--GitLab:Url=https://…</c>.</summary>
    public IReadOnlyList<string> CommandLine { get; init; } = [];

    private static Dictionary<string, string> ProcessEnvironment() =>
        System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);
}
