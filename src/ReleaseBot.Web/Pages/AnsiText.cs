using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;

namespace ReleaseBot.Web;

/// <summary>
/// A log with the colours of a terminal, as HTML. Of the escape sequences only colours and weight (SGR) are kept, as classes of ours; all
/// others, and other control characters, are left out. Whatever is text is encoded.
/// </summary>
internal static class AnsiText
{
    private const char Escape = '\u001b';

    public static string ToMarkup(string text)
    {
        var markup = new StringBuilder(text.Length + 256);
        var style = new Style();
        for (var at = 0; at < text.Length;)
        {
            var escape = text.IndexOf(Escape, at);
            var end = escape < 0 ? text.Length : escape;
            if (end > at)
            {
                var classes = style.Classes();
                var (open, close) = classes.Length > 0 ? ($"<span class=\"{classes}\">", "</span>") : ("", "");
                markup.Append(open).Append(Encode(text[at..end])).Append(close);
            }

            at = escape < 0 ? text.Length : Skip(text, escape, ref style);
        }

        return markup.ToString();
    }

    private static string Encode(string text) =>
        HtmlEncoder.Default.Encode(string.Concat(text.Where(c => c is '\n' or '\t' || !char.IsControl(c)))).Replace("&#xA;", "\n", StringComparison.Ordinal)
            .Replace("&#x9;", "\t", StringComparison.Ordinal);

    /// <returns>Where the text goes on after the sequence.</returns>
    private static int Skip(string text, int escape, ref Style style)
    {
        if (escape + 1 >= text.Length || text[escape + 1] != '[')
        {
            return escape + 1;
        }

        // CSI: parameters in 0x30-0x3f, intermediates in 0x20-0x2f, one final byte in 0x40-0x7e (ECMA-48, 5.4).
        var end = escape + 2;
        while (end < text.Length && text[end] is >= ' ' and <= '?')
        {
            end++;
        }

        if (end < text.Length && text[end] == 'm')
        {
            style = style.With(text.AsSpan(escape + 2, end - escape - 2));
        }

        return end < text.Length && text[end] is >= '@' and <= '~' ? end + 1 : end;
    }

    private readonly record struct Style(int Colour, bool IsBold, bool IsDim)
    {
        public string Classes() => string.Join(' ', new[]
        {
            Colour > 0 ? string.Create(CultureInfo.InvariantCulture, $"c{Colour}") : "", IsBold ? "b" : "", IsDim ? "d" : "",
        }.Where(name => name.Length > 0));

        public Style With(ReadOnlySpan<char> parameters)
        {
            var style = this;
            foreach (var range in parameters.Split(';'))
            {
                var code = parameters[range] is { Length: > 0 } digits && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
                if (code is 38 or 48)
                {
                    // 256 colours and more: the rest of the sequence are its arguments, not codes of their own.
                    return style;
                }

                style = code switch
                {
                    0 => default,
                    1 => style with { IsBold = true },
                    2 => style with { IsDim = true },
                    22 => style with { IsBold = false, IsDim = false },
                    39 => style with { Colour = 0 },
                    >= 30 and <= 37 or >= 90 and <= 97 => style with { Colour = code },
                    _ => style,
                };
            }

            return style;
        }
    }
}
