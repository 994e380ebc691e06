namespace ReleaseBot.Configuration;

/// <summary>Keys on the command line: <c>--GitLab:Url=https://…</c> or <c>--GitLab:Url https://…</c>. Secrets are refused: every user of a machine sees them there.</summary>
internal static class CommandLineLayer
{
    public const string Source = "the command line";

    /// <param name="tokens">What the command line holds besides the command's own options.</param>
    public static ConfigurationLayer Read(IReadOnlyList<string> tokens, ICollection<ConfigurationProblem> problems)
    {
        List<KeyValuePair<string, string?>> values = [];
        for (var i = 0; i < tokens.Count; i++)
        {
            if (!tokens[i].StartsWith("--", StringComparison.Ordinal) || tokens[i].Length == 2)
            {
                problems.Add(new(Source, "a key is written --Section:Key=value; something there is neither a command, nor an option, nor a key.") { IsAboutKey = false });
                continue;
            }

            var (key, value) = Split(tokens[i][2..]);
            if (value is null && i + 1 < tokens.Count && !tokens[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                value = tokens[++i];
            }

            if (Refusal(key, value) is { } refusal)
            {
                problems.Add(new(key, refusal));
            }
            else
            {
                values.Add(new(key, value));
            }
        }

        return new ConfigurationLayer(Source, values);
    }

    private static string? Refusal(string key, string? value)
    {
        if (SettingsSchema.Find(key) is SettingNode { Secrecy: var secrecy } && IsSecret(secrecy, value))
        {
            var name = ConfigurationKey.ToEnvironment(key);
            return $"is a secret, or holds one, and is not taken from the command line, where every user of the machine can read it. Give it as the environment variable {name} or as the file /run/secrets/{name}.";
        }

        return value is null ? $"needs a value: --{key}=…" : null;
    }

    private static bool IsSecret(Secrecy secrecy, string? value) => secrecy switch
    {
        Secrecy.Secret => true,
        Secrecy.HoldsCredentials => value is not null
            && (ConnectionStrings.Credentials(value).Any() || ConnectionStrings.UrlCredentials(value).Any()),
        _ => false,
    };

    private static (string Key, string? Value) Split(string token) =>
        token.IndexOf('=', StringComparison.Ordinal) is >= 0 and var at ? (token[..at], token[(at + 1)..]) : (token, null);
}
