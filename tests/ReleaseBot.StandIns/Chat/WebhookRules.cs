using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ReleaseBot.StandIns.Chat;

/// <summary>A receiver as the specification of Standard Webhooks describes it (https://github.com/standard-webhooks/standard-webhooks, spec).</summary>
internal static class WebhookRules
{
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    /// <summary>The status and the words of a refusal; null for a message that is taken.</summary>
    public static (int Status, string Words)? Refusal(IReadOnlyDictionary<string, string> headers, byte[] body, string signingToken, DateTimeOffset now)
    {
        if (!headers.TryGetValue("webhook-id", out var id) || !headers.TryGetValue("webhook-timestamp", out var timestamp)
            || !headers.TryGetValue("webhook-signature", out var signatures))
        {
            return (401, "webhook-id, webhook-timestamp or webhook-signature is missing");
        }

        if (!long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || (now - DateTimeOffset.FromUnixTimeSeconds(seconds)).Duration() > Tolerance)
        {
            return (401, "webhook-timestamp is not now");
        }

        byte[] signed = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
        var key = Convert.FromBase64String(signingToken["whsec_".Length..]);
        var expected = "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed));
        if (!signatures.Split(' ').Any(signature => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), Encoding.UTF8.GetBytes(expected))))
        {
            return (401, "webhook-signature does not match");
        }

        return IsEvent(body) ? null : (400, "the body is not a JSON object with type, timestamp and data");
    }

    private static bool IsEvent(byte[] body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            return json.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
                && root.TryGetProperty("timestamp", out var at) && at.TryGetDateTimeOffset(out _)
                && root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
