using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using ReleaseBot.Core;

namespace ReleaseBot.Notifications;

/// <summary>
/// The body of a generic webhook: <c>{type, timestamp, data}</c> as Standard Webhooks advises, where <c>data</c> speaks of the release in
/// the API's words. The same news always makes the same bytes, so a receiver that saw a message twice can tell.
/// </summary>
internal static class WebhookMessage
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The body to post, in UTF-8.</summary>
    public static byte[] For(ReleaseNews news)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body, Options))
        {
            json.WriteStartObject();
            json.WriteString("type", news.Drift is null ? $"release.{news.Outcome.ToText()}" : "release.drifted");
            json.WriteString("timestamp", Time(news.At));
            json.WriteStartObject("data");
            WriteRelease(json, news);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    private static void WriteRelease(Utf8JsonWriter json, ReleaseNews news)
    {
        json.WriteString("id", news.ReleaseId);

        json.WriteStartObject("project");
        json.WriteString("path", news.ProjectPath);
        json.WriteString("url", news.ProjectUrl?.AbsoluteUri);
        json.WriteEndObject();

        json.WriteStartObject("ref");
        json.WriteString("kind", news.RefKind.ToText());
        json.WriteString("name", news.Ref);
        json.WriteEndObject();

        json.WriteString("commit", news.Commit);
        json.WriteString("version", news.Version);

        json.WriteStartObject("trigger");
        json.WriteString("user", news.User);
        json.WriteEndObject();

        json.WriteString("status", (news.Drift is null ? Status(news.Outcome) : ReleaseStatus.Published).ToText());
        WriteReason(json, news.Reason);
        if (news.Drift is { } drift)
        {
            json.WriteString("drift", drift);
        }

        WriteImages(json, news.Images);

        if (news.Duration is { } duration)
        {
            json.WriteNumber("durationSeconds", Math.Round(duration.TotalSeconds, 3));
        }
        else
        {
            json.WriteNull("durationSeconds");
        }

        json.WriteString("finishedAt", Time(news.At));

        json.WriteStartObject("links");
        json.WriteString("page", news.Page?.AbsoluteUri);
        json.WriteEndObject();
    }

    private static void WriteReason(Utf8JsonWriter json, Reason? reason)
    {
        if (reason is null)
        {
            json.WriteNull("reason");
            return;
        }

        json.WriteStartObject("reason");
        json.WriteString("code", reason.Code.ToText());
        json.WriteString("message", reason.Message);
        json.WriteEndObject();
    }

    private static void WriteImages(Utf8JsonWriter json, IReadOnlyList<NewsImage> images)
    {
        json.WriteStartArray("images");
        foreach (var image in images)
        {
            json.WriteStartObject();
            json.WriteString("reference", image.Reference);
            json.WriteBoolean("floating", image.Floating);
            json.WriteString("status", image.Status);
            json.WriteString("digest", image.Digest?.Value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static ReleaseStatus Status(Outcome outcome) => outcome switch
    {
        Outcome.Published or Outcome.Recovered => ReleaseStatus.Published,
        Outcome.Failed => ReleaseStatus.Failed,
        Outcome.Rejected => ReleaseStatus.Rejected,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);
}
