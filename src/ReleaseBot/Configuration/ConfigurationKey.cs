namespace ReleaseBot.Configuration;

/// <summary>Paths of keys: segments joined by <c>:</c>, in the environment and as file names by <c>__</c>. Case does not count.</summary>
internal static class ConfigurationKey
{
    public const char Delimiter = ':';
    public const string EnvironmentDelimiter = "__";

    public static readonly StringComparer Comparer = StringComparer.OrdinalIgnoreCase;

    public static string Combine(string parent, string name) => (parent.Length, name.Length) switch
    {
        (0, _) => name,
        (_, 0) => parent,
        _ => $"{parent}{Delimiter}{name}",
    };

    public static string[] Segments(string key) => key.Split(Delimiter);

    public static string ToEnvironment(string key) => key.Replace(":", EnvironmentDelimiter, StringComparison.Ordinal);

    public static string FromEnvironment(string name) => name.Replace(EnvironmentDelimiter, ":", StringComparison.Ordinal);

    /// <summary>The key itself, or a key below it.</summary>
    public static bool IsAtOrBelow(string key, string root) =>
        key.StartsWith(root, StringComparison.OrdinalIgnoreCase) && (key.Length == root.Length || key[root.Length] == Delimiter);
}
