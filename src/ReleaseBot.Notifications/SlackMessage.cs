using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ReleaseBot.Core;

namespace ReleaseBot.Notifications;

/// <summary>
/// A message for a Slack incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks), and for the chats
/// that read its form. Limits of its blocks: 150 characters in a header, 3,000 in a section, 50 blocks.
/// </summary>
internal static class SlackMessage
{
    private const int HeaderLength = 150;
    private const int SectionLength = 3000;
    private const int NameLength = 200;

    // The body is no part of a page, so only what JSON itself demands is escaped, and golden files stay readable.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The body to post, in UTF-8.</summary>
    public static byte[] For(ReleaseNews news)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body, Options))
        {
            json.WriteStartObject();
            json.WriteString("text", Fallback(news));
            json.WriteStartArray("blocks");
            WriteHeader(json, DisplayText.Cut(Headline(news), HeaderLength));
            WriteSection(json, Subject(news));
            if (news.Images.Count > 0)
            {
                WriteSection(json, Images(news.Images));
            }

            if (Explanation(news) is { } explanation)
            {
                WriteSection(json, explanation);
            }

            WriteContext(json, Footer(news));
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    /// <summary>One clean line of plain text.</summary>
    private static string Headline(ReleaseNews news)
    {
        var release = $"{DisplayText.Isolate(DisplayText.Clean(news.ProjectPath))} {DisplayText.Isolate(DisplayText.Clean(news.Ref))}";
        return news.Outcome switch
        {
            _ when news.Drift is not null => $"⚠️ {release} is no longer what was published",
            Outcome.Published => $"✅ {release} is published",
            Outcome.Failed => $"❌ {release} failed",
            Outcome.Rejected => $"⛔ {release} was rejected",
            Outcome.Recovered => $"✅ {release} is published, after it had failed",
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    // What a phone shows before the message is opened, and a client that knows no blocks shows alone.
    private static string Fallback(ReleaseNews news) =>
        SlackText.Entities(
            WhyOf(news) is { } why && !IsGood(news) ? $"{Headline(news)}: {DisplayText.Clean(why)}" : Headline(news),
            SectionLength);

    private static string? WhyOf(ReleaseNews news) => news.Drift ?? news.Reason?.Message;

    private static string Subject(ReleaseNews news)
    {
        var text = new StringBuilder();
        text.Append(SlackText.Link(news.ProjectUrl, SlackText.Code(news.ProjectPath, NameLength)));
        text.Append(CultureInfo.InvariantCulture, $" {news.RefKind.ToText()} {SlackText.Link(RefPage(news), SlackText.Code(news.Ref, NameLength))}");
        if (news.Commit is { } commit)
        {
            var name = SlackText.Code(commit.Length > 8 ? commit[..8] : commit, NameLength);
            text.Append(CultureInfo.InvariantCulture, $" at {SlackText.Link(Below(news.ProjectUrl, "commit", commit), name)}");
        }

        if (news.User is { } user)
        {
            text.Append(CultureInfo.InvariantCulture, $" by {SlackText.Code(user, NameLength)}");
        }

        return text.ToString();
    }

    /// <summary>One line an image in a code block; whole lines only, and a count of those that do not fit.</summary>
    private static string Images(IReadOnlyList<NewsImage> images)
    {
        const string fence = "```";
        const int reserve = 60;
        var width = Math.Min(images.Max(image => image.Reference.Length), 80);
        var text = new StringBuilder(fence);
        var shown = 0;
        foreach (var image in images)
        {
            var reference = SlackText.Escape(image.Reference.Replace('`', '\''), 500).PadRight(width);
            var line = $"{reference}  {SlackText.Escape(image.Status, 40)}{(image.Digest is { } digest ? "  " + digest.Short : "")}";
            if (text.Length + line.Length > SectionLength - reserve)
            {
                break;
            }

            text.Append('\n').Append(line);
            shown++;
        }

        text.Append('\n').Append(fence);
        if (shown < images.Count)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nand {images.Count - shown} more");
        }

        return text.ToString();
    }

    private static string? Explanation(ReleaseNews news)
    {
        if (news.Drift is { } drift)
        {
            return $"*Why:* {SlackText.Escape(drift, SectionLength - 500)}";
        }

        if (news.Reason is not { } reason || IsGood(news))
        {
            return null;
        }

        var why = $"*Why:* {SlackText.Escape(reason.Message, SectionLength - 500)} ({SlackText.Code(reason.Code.ToText(), NameLength)})";
        return Advice.For(reason.Code) is { } advice ? $"{why}\n*What to do:* {advice}" : why;
    }

    private static string Footer(ReleaseNews news)
    {
        List<string> parts = [];
        if (news.Duration is { } duration)
        {
            parts.Add($"took {DisplayText.Duration(duration)}");
        }

        // Slack shows the reader's own time zone; the text after the bar is for clients that cannot.
        parts.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"<!date^{news.At.ToUnixTimeSeconds()}^{{date_short_pretty}} {{time_secs}}|{news.At.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC>"));
        if (news.Page is { } page)
        {
            parts.Add(SlackText.Link(page, IsGood(news) || news.Drift is not null ? "release and log" : "release, log and retry"));
        }

        return string.Join(" · ", parts);
    }

    private static bool IsGood(ReleaseNews news) => news.Outcome is Outcome.Published or Outcome.Recovered;

    private static Uri? RefPage(ReleaseNews news) => Below(news.ProjectUrl, news.RefKind == RefKind.Tag ? "tags" : "tree", news.Ref);

    // A ref's slashes stay slashes in GitLab's routes; everything else is escaped.
    private static Uri? Below(Uri? project, string page, string name) =>
        project is { IsAbsoluteUri: true }
        && Uri.TryCreate($"{project.GetLeftPart(UriPartial.Path).TrimEnd('/')}/-/{page}/{Uri.EscapeDataString(name).Replace("%2F", "/", StringComparison.Ordinal)}", UriKind.Absolute, out var address)
            ? address
            : null;

    private static void WriteHeader(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("type", "header");
        json.WriteStartObject("text");
        json.WriteString("type", "plain_text");
        json.WriteString("text", text);
        json.WriteBoolean("emoji", false);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteSection(Utf8JsonWriter json, string mrkdwn)
    {
        json.WriteStartObject();
        json.WriteString("type", "section");
        json.WritePropertyName("text");
        WriteMrkdwn(json, mrkdwn);
        json.WriteEndObject();
    }

    private static void WriteContext(Utf8JsonWriter json, string mrkdwn)
    {
        json.WriteStartObject();
        json.WriteString("type", "context");
        json.WriteStartArray("elements");
        WriteMrkdwn(json, mrkdwn);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteMrkdwn(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("type", "mrkdwn");
        json.WriteString("text", text);
        // Otherwise Slack makes links and mentions of words that merely look like them.
        json.WriteBoolean("verbatim", true);
        json.WriteEndObject();
    }
}
