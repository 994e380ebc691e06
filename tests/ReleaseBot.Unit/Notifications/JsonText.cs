using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ReleaseBot.Unit.Notifications;

internal static class JsonText
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The same JSON for people, one member a line.</summary>
    public static string Indented(JsonDocument document)
    {
        using var text = new MemoryStream();
        using (var writer = new Utf8JsonWriter(text, Options))
        {
            document.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(text.ToArray());
    }
}
