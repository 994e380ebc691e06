namespace ReleaseBot.Configuration;

/// <summary>A file per key, as Docker and Kubernetes mount secrets: <c>GitLab__Token</c> holds the token. Files of others lie there too and are left alone.</summary>
internal static class SecretsDirectory
{
    private const long LargestFile = 1024 * 1024;

    public static ConfigurationLayer Read(string directory, ICollection<ConfigurationProblem> problems)
    {
        List<KeyValuePair<string, string?>> values = [];
        foreach (var path in Files(directory, problems))
        {
            var key = ConfigurationKey.FromEnvironment(Path.GetFileName(path));
            if (ReadValue(key, path, problems) is { } value)
            {
                values.Add(new(key, value));
            }
        }

        return new ConfigurationLayer(directory, values);
    }

    private static string[] Files(string directory, ICollection<ConfigurationProblem> problems)
    {
        try
        {
            return Directory.Exists(directory)
                ? [.. Directory.GetFileSystemEntries(directory).Where(path => SettingsSchema.IsKnownVariable(Path.GetFileName(path))).Order(StringComparer.Ordinal)]
                : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problems.Add(new(directory, "the folder can't be read by this process.") { IsAboutKey = false });
            return [];
        }
    }

    private static string? ReadValue(string key, string path, ICollection<ConfigurationProblem> problems)
    {
        try
        {
            if (Directory.Exists(path))
            {
                problems.Add(new(key, $"{path} is a folder, where a file with the value belongs. Docker makes one where the file to be mounted there does not exist."));
                return null;
            }

            if (new FileInfo(path).Length > LargestFile)
            {
                problems.Add(new(key, $"{path} is larger than 1 MiB."));
                return null;
            }

            // Editors and echo end a file with a line break that is no part of the value.
            return File.ReadAllText(path).TrimEnd('\r', '\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problems.Add(new(key, $"{path} can't be read by this process."));
            return null;
        }
    }
}
