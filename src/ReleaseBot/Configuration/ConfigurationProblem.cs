namespace ReleaseBot.Configuration;

/// <summary>One mistake in the configuration.</summary>
/// <param name="Key">The key's path, e.g. <c>Projects:0:Images:1:Registry</c>; a file's name where a whole file can't be read.</param>
/// <param name="Message">What is wrong and what is legal. Never holds a secret's value, not even a part of it.</param>
internal sealed record ConfigurationProblem(string Key, string Message)
{
    /// <summary>How the key is written as an environment variable or a file in <c>/run/secrets</c>.</summary>
    public string EnvironmentName => ConfigurationKey.ToEnvironment(Key);

    /// <summary>False for a mistake that is not about a key, such as a file that can't be read.</summary>
    public bool IsAboutKey { get; init; } = true;

    /// <summary>Nothing was given for the key: another process may well have it. False for a value that was given and is wrong, whoever it is for.</summary>
    public bool IsAbsence { get; init; }

    public override string ToString() => IsAboutKey && Key != EnvironmentName
        ? $"{Key} (environment: {EnvironmentName}): {Message}"
        : $"{Key}: {Message}";
}
