using System.Globalization;
using System.Text;

namespace ReleaseBot.Notifications;

/// <summary>Makes text that others wrote (ref names, user names, build errors) safe to show within a line of ours.</summary>
internal static class DisplayText
{
    private const char Replacement = '\uFFFD';
    private const char FirstStrongIsolate = '\u2068';
    private const char PopDirectionalIsolate = '\u2069';

    /// <summary>
    /// One line without invisible characters: line breaks and controls become blanks, format characters (direction overrides,
    /// zero-width joiners) and broken surrogates a visible mark, since leaving them out would let one name pass for another.
    /// </summary>
    public static string Clean(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            _ = Rune.GetUnicodeCategory(rune) switch
            {
                UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => line.Append(' '),
                UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned => line.Append(Replacement),
                _ => line.Append(rune),
            };
        }

        return line.ToString();
    }

    /// <summary>Keeps a line with right-to-left letters from reordering what stands around it. To be done last: the isolating marks are invisible characters too.</summary>
    public static string Isolate(string line) =>
        line.EnumerateRunes().Any(rune => IsRightToLeft(rune.Value)) ? $"{FirstStrongIsolate}{line}{PopDirectionalIsolate}" : line;

    /// <summary>The first <paramref name="length"/> characters, the last of them an ellipsis where something was cut off.</summary>
    public static string Cut(string text, int length)
    {
        if (text.Length <= length)
        {
            return text;
        }

        var end = char.IsHighSurrogate(text[length - 2]) ? length - 2 : length - 1;
        return string.Concat(text.AsSpan(0, end), "…");
    }

    /// <summary>e.g. <c>48 s</c>, <c>3 min 20 s</c>, <c>1 h 4 min</c>.</summary>
    public static string Duration(TimeSpan duration) => duration switch
    {
        { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalSeconds:0.0} s"),
        { TotalMinutes: < 1 } => $"{duration.Seconds} s",
        { TotalHours: < 1 } => $"{duration.Minutes} min {duration.Seconds} s",
        _ => $"{(int)duration.TotalHours} h {duration.Minutes} min",
    };

    // The blocks of the Unicode bidirectional algorithm (UAX #9) whose letters are strong right-to-left.
    private static bool IsRightToLeft(int rune) =>
        rune is (>= 0x0590 and <= 0x08FF) or (>= 0xFB1D and <= 0xFDFF) or (>= 0xFE70 and <= 0xFEFC)
            or (>= 0x10800 and <= 0x10FFF) or (>= 0x1E800 and <= 0x1EFFF);
}
