using System.Text.Json;

namespace ReleaseBot.Registries;

/// <summary>What a registry or a token server says about its refusal: the first error's code and message.</summary>
internal sealed record ErrorBody(string? Code, string? Message)
{
    private const int MaxMessage = 300;

    public static ErrorBody None { get; } = new(null, null);

    /// <summary>
    /// Reads <c>{"errors":[{"code":"DENIED","message":"…"}]}</c> of the distribution specification, and the single-field forms of
    /// token servers (<c>details</c>, <c>message</c>, <c>error_description</c>, <c>error</c>). Anything else, such as a proxy's HTML, says nothing.
    /// </summary>
    public static ErrorBody Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return None;
            }

            if (root.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Array && errors.GetArrayLength() > 0)
            {
                return errors[0].ValueKind == JsonValueKind.Object ? new ErrorBody(Text(errors[0], "code"), Text(errors[0], "message")) : None;
            }

            return new ErrorBody(null, Text(root, "details") ?? Text(root, "message") ?? Text(root, "error_description") ?? Text(root, "error"));
        }
        catch (JsonException)
        {
            return None;
        }
    }

    private static string? Text(JsonElement parent, string name)
    {
        if (!parent.TryGetProperty(name, out var value) || value.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        var text = string.Concat(value.GetString()!.Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return text.Length > MaxMessage ? string.Concat(text.AsSpan(0, MaxMessage), "…") : text;
    }
}
