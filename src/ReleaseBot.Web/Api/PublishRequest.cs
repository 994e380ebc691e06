using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ReleaseBot.Web;

/// <summary>A ref to publish, or to say what publishing it would do.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal record PublishRequest
{
    [Description("Path with namespace, e.g. acme/shop, or the id.")]
    [JsonConverter(typeof(TextOrNumberConverter))]
    public string? Project { get; init; }

    [Description("Short or full name. A short one is a tag's where there is such a tag, else a branch's.")]
    public string? Ref { get; init; }
}

/// <summary>A ref whose plan is asked for; it need not exist yet.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record PlanRequest : PublishRequest
{
    [Description("For a tag that does not exist yet.")]
    public AssumedTag? Assume { get; init; }
}

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record AssumedTag
{
    [Description("The commit that the tag would be put on, as the whole id.")]
    public string? Commit { get; init; }
}

/// <summary>Reads a project's id as a number too.</summary>
internal sealed class TextOrNumberConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.String => reader.GetString(),
        JsonTokenType.Number when reader.TryGetInt64(out var id) => id.ToString(CultureInfo.InvariantCulture),
        JsonTokenType.Null => null,
        _ => throw new JsonException("A text or a whole number is expected."),
    };

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);
}
