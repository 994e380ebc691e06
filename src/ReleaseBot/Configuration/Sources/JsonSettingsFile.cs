using System.Text.Json;

namespace ReleaseBot.Configuration;

/// <summary>A JSON file with comments and trailing commas. Unlike the stock provider it tells <c>[]</c>, <c>{}</c> and <c>null</c> apart.</summary>
internal static class JsonSettingsFile
{
    private const long LargestFile = 16 * 1024 * 1024;

    private static readonly JsonDocumentOptions Options = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        MaxDepth = 32,
    };

    /// <summary>Reads the file; what is wrong with it as a whole goes to <paramref name="problems"/>, and null comes back.</summary>
    /// <param name="name">The file as the operator named it.</param>
    public static ConfigurationLayer? Read(string path, string name, ICollection<ConfigurationProblem> problems)
    {
        try
        {
            if (new FileInfo(path).Length > LargestFile)
            {
                problems.Add(Problem(name, "is larger than 16 MiB and can hardly be a configuration."));
                return null;
            }

            return Parse(File.ReadAllText(path), name, problems);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problems.Add(Problem(name, exception is FileNotFoundException or DirectoryNotFoundException
                ? "there is no such file."
                : "the file can't be read by this process."));
            return null;
        }
    }

    internal static ConfigurationLayer? Parse(string json, string name, ICollection<ConfigurationProblem> problems)
    {
        try
        {
            using var document = JsonDocument.Parse(json, Options);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                problems.Add(Problem(name, "must hold a JSON object."));
                return null;
            }

            Flattening flat = new(name, problems);
            flat.Add("", document.RootElement);
            return new ConfigurationLayer(name, flat.Values) { EmptyObjects = flat.EmptyObjects };
        }
        catch (JsonException exception)
        {
            // Its message may quote the text, which may be a secret; the place is enough.
            problems.Add(Problem(name, $"is not valid JSON (comments and trailing commas are allowed): look at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}."));
            return null;
        }
    }

    private static ConfigurationProblem Problem(string name, string message) => new(name, message) { IsAboutKey = false };

    /// <summary>The values of a file as they are found, each under its whole key.</summary>
    private sealed class Flattening(string name, ICollection<ConfigurationProblem> problems)
    {
        public List<KeyValuePair<string, string?>> Values { get; } = [];

        public HashSet<string> EmptyObjects { get; } = new(ConfigurationKey.Comparer);

        public void Add(string path, JsonElement element)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    AddObject(path, element);
                    break;
                case JsonValueKind.Array when element.GetArrayLength() == 0:
                    Values.Add(new(path, ""));
                    break;
                case JsonValueKind.Array:
                    foreach (var (index, item) in element.EnumerateArray().Index())
                    {
                        Add(ConfigurationKey.Combine(path, $"{index}"), item);
                    }

                    break;
                case JsonValueKind.Null:
                    Values.Add(new(path, null));
                    break;
                default:
                    Values.Add(new(path, element.ToString()));
                    break;
            }
        }

        private void AddObject(string path, JsonElement element)
        {
            HashSet<string> seen = new(ConfigurationKey.Comparer);
            foreach (var property in element.EnumerateObject())
            {
                if (!seen.Add(property.Name))
                {
                    problems.Add(new(ConfigurationKey.Combine(path, property.Name), $"stands twice in {name}; case does not count."));
                }

                Add(ConfigurationKey.Combine(path, property.Name), property.Value);
            }

            if (path.Length > 0 && seen.Count == 0)
            {
                // An empty object is there nonetheless: a list's entry, a registry without its host.
                Values.Add(new(path, null));
                EmptyObjects.Add(path);
            }
        }
    }
}
