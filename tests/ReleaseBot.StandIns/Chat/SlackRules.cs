using System.Text.Json;

namespace ReleaseBot.StandIns.Chat;

/// <summary>
/// What Slack's incoming webhooks refuse, by its documentation: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
/// (errors) and https://docs.slack.dev/reference/block-kit/blocks (limits). Only the blocks that are used are known: another one is
/// refused, so that whoever sends it looks up its rules first.
/// </summary>
internal static class SlackRules
{
    private const int MaxBlocks = 50;
    private const int MaxText = 40_000;

    /// <summary>Slack's error word, or null for a message that it takes.</summary>
    public static string? Refusal(string? contentType, byte[] body)
    {
        if (contentType is null || !contentType.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
        {
            return "invalid_payload";
        }

        try
        {
            using var message = JsonDocument.Parse(body);
            return message.RootElement.ValueKind == JsonValueKind.Object ? Refusal(message.RootElement) : "invalid_payload";
        }
        catch (JsonException)
        {
            return "invalid_payload";
        }
    }

    private static string? Refusal(JsonElement message)
    {
        var hasText = message.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String && text.GetString() is { Length: > 0 };
        if (hasText && text.GetString()!.Length > MaxText)
        {
            return "msg_too_long";
        }

        if (!message.TryGetProperty("blocks", out var blocks))
        {
            return hasText ? null : "no_text";
        }

        if (!hasText)
        {
            // Slack would take it, but then a notification on a phone is empty.
            return "no_text";
        }

        return blocks.ValueKind == JsonValueKind.Array
            && blocks.GetArrayLength() is > 0 and <= MaxBlocks
            && blocks.EnumerateArray().All(IsLegalBlock)
                ? null
                : "invalid_blocks";
    }

    private static bool IsLegalBlock(JsonElement block) => Word(block, "type") switch
    {
        "header" => block.TryGetProperty("text", out var text) && IsText(text, "plain_text", 150),
        "section" => block.TryGetProperty("text", out var text) && (IsText(text, "mrkdwn", 3000) || IsText(text, "plain_text", 3000)),
        "context" => block.TryGetProperty("elements", out var elements)
            && elements.ValueKind == JsonValueKind.Array
            && elements.GetArrayLength() is > 0 and <= 10
            && elements.EnumerateArray().All(element => IsText(element, "mrkdwn", 3000) || IsText(element, "plain_text", 3000)),
        "divider" => true,
        _ => false,
    };

    private static bool IsText(JsonElement text, string type, int length) =>
        text.ValueKind == JsonValueKind.Object
        && Word(text, "type") == type
        && Word(text, "text") is { } value
        && value.Length > 0
        && value.Length <= length
        && text.EnumerateObject().All(member => member.Name is "type" or "text" || member.Name == (type == "mrkdwn" ? "verbatim" : "emoji"));

    private static string? Word(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
