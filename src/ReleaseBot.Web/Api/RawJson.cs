using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ReleaseBot.Web;

/// <summary>JSON that somebody else wrote, passed on as it is: read and written again, half a surrogate pair in a commit's message would be an error.</summary>
[JsonConverter(typeof(RawJsonConverter))]
internal readonly record struct RawJson(ReadOnlyMemory<byte> Utf8);

internal sealed class RawJsonConverter : JsonConverter<RawJson>
{
    public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException("It is only written.");

    /// <remarks>It was JSON when it was stored. Bytes that are no UTF-8 in a text that nobody read become U+FFFD.</remarks>
    public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) =>
        writer.WriteRawValue(Encoding.UTF8.GetString(value.Utf8.Span), skipInputValidation: true);
}
