using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;

namespace ReleaseBot.Web;

/// <summary>A piece of HTML. It comes of literals and of values that were encoded on their way in, so what a stranger wrote can't become markup.</summary>
internal readonly struct Html
{
    private readonly string? _markup;

    private Html(string markup) => _markup = markup;

    public static Html Empty => default;

    public override string ToString() => _markup ?? "";

    /// <summary>Everything in braces is encoded, unless it is <see cref="Html"/> already.</summary>
    public static Html Of(Template template) => new(template.Markup());

    /// <summary>A log's text with its colours.</summary>
    public static Html OfAnsi(string text) => new(AnsiText.ToMarkup(text));

    public static Html Concat(IEnumerable<Html> parts) => new(string.Concat(parts.Select(part => part._markup)));

    public IResult ToResult(int status = StatusCodes.Status200OK) => TypedResults.Text(ToString(), "text/html", Encoding.UTF8, status);

    [InterpolatedStringHandler]
    public readonly ref struct Template(int literalLength, int formattedCount)
    {
        private readonly StringBuilder _text = new(literalLength + formattedCount * 16);

        public void AppendLiteral(string literal) => _text.Append(literal);

        public void AppendFormatted(Html html) => _text.Append(html._markup);

        public void AppendFormatted(IEnumerable<Html> parts)
        {
            foreach (var part in parts)
            {
                _text.Append(part._markup);
            }
        }

        public void AppendFormatted(string? value) => _text.Append(HtmlEncoder.Default.Encode(value ?? ""));

        public void AppendFormatted<T>(T value, string? format = null)
            where T : IFormattable =>
            AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));

        public string Markup() => _text.ToString();
    }
}
