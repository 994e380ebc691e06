using System.Text;
using System.Text.RegularExpressions;

namespace ReleaseBot.Notifications;

/// <summary>
/// Slack's mrkdwn (https://docs.slack.dev/messaging/formatting-message-text): <c>&amp;</c>, <c>&lt;</c> and <c>&gt;</c> are its control
/// characters, so text that has them escaped can name no channel, no user and no link.
/// </summary>
internal static partial class SlackText
{
    /// <summary>A line of text that mrkdwn shows as it is, cut to <paramref name="length"/> characters of the escaped form.</summary>
    public static string Escape(string text, int length) => DisplayText.Isolate(Entities(DisplayText.Clean(text), length - 2));

    /// <summary>Escapes what is one clean line already; a cut never goes through an entity.</summary>
    public static string Entities(string line, int length)
    {
        // Chats that read Slack's form, Mattermost for one, take these for mentions even without the brackets.
        line = BareMention().Replace(line, "@\u2060");
        var escaped = new StringBuilder();
        foreach (var rune in line.EnumerateRunes())
        {
            var piece = rune.Value switch
            {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                _ => rune.ToString(),
            };
            if (escaped.Length + piece.Length > length - 1)
            {
                return escaped.Append('…').ToString();
            }

            escaped.Append(piece);
        }

        return escaped.ToString();
    }

    /// <summary>A name as code: its stars and underscores are no formatting. A backtick would end the code, so it becomes an apostrophe.</summary>
    public static string Code(string name, int length) => $"`{Escape(name.Replace('`', '\''), length)}`";

    /// <summary>A link whose label is mrkdwn already; the label alone where there is no web address to link to.</summary>
    public static string Link(Uri? address, string label) =>
        address is { IsAbsoluteUri: true, Scheme: "http" or "https" } && address.AbsoluteUri.Length <= 1000
            ? $"<{address.AbsoluteUri.Replace("&", "&amp;", StringComparison.Ordinal).Replace("|", "%7C", StringComparison.Ordinal)}|{label}>"
            : label;

    [GeneratedRegex("@(?=channel|here|everyone|all)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex BareMention();
}
