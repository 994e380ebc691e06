using System.Globalization;
using System.Text;

namespace ReleaseBot.GitLab;

/// <summary>Text of strangers, made fit for a log line, a table or a chat.</summary>
internal static class Printable
{
    /// <summary>
    /// Replaces what would not show or would change what is shown (control characters, line breaks, right-to-left overrides, lone
    /// surrogates) by U+FFFD, and cuts to that many characters.
    /// </summary>
    public static string Text(string value, int maxLength)
    {
        var text = new StringBuilder(Math.Min(value.Length, maxLength));
        foreach (var rune in value.EnumerateRunes())
        {
            if (text.Length + rune.Utf16SequenceLength > maxLength)
            {
                break;
            }

            text.Append(IsShown(rune) ? rune.ToString() : "\uFFFD");
        }

        return text.ToString();
    }

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
}
