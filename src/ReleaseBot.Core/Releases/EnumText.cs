using System.Text;

namespace ReleaseBot.Core;

/// <summary>The name of an enum's value outside the program: kebab case, e.g. <c>ref-not-protected</c>. These names are stable.</summary>
public static class EnumText
{
    public static string ToText<T>(this T value)
        where T : struct, Enum =>
        Names<T>.Texts[value];

    /// <summary>Reads a name; null for one that is not known, as a later version may have written.</summary>
    public static T? Parse<T>(string? text)
        where T : struct, Enum =>
        text is not null && Names<T>.Values.TryGetValue(text, out var value) ? value : null;

    public static IReadOnlyCollection<string> All<T>()
        where T : struct, Enum =>
        Names<T>.Values.Keys;

    private static string Kebab(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('-');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }

    private static class Names<T>
        where T : struct, Enum
    {
        public static readonly Dictionary<T, string> Texts = Enum.GetValues<T>().ToDictionary(value => value, value => Kebab(value.ToString()));
        public static readonly Dictionary<string, T> Values = Texts.ToDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);
    }
}
