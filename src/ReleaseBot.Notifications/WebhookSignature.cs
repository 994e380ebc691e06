using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ReleaseBot.Core;

namespace ReleaseBot.Notifications;

/// <summary>Signatures of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over <c>id.timestamp.body</c>, shown as <c>v1,BASE64</c>.</summary>
public static class WebhookSignature
{
    private const string Prefix = "whsec_";

    /// <summary>Whether a signing token has a legal form: <c>whsec_</c> and the base64 of 24 to 64 bytes.</summary>
    public static bool IsLegal(Secret token) => TryReadKey(token, out _);

    internal static bool TrySign(Secret token, string messageId, long timestamp, ReadOnlySpan<byte> body, [NotNullWhen(true)] out string? signature)
    {
        signature = null;
        if (!TryReadKey(token, out var key))
        {
            return false;
        }

        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{messageId}.{timestamp}.")));
        hash.AppendData(body);
        signature = "v1," + Convert.ToBase64String(hash.GetHashAndReset());
        return true;
    }

    private static bool TryReadKey(Secret token, [NotNullWhen(true)] out byte[]? key)
    {
        key = null;
        var text = token.Reveal();
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text[Prefix.Length..], bytes, out var length) || length is < 24 or > 64)
        {
            return false;
        }

        key = bytes[..length];
        return true;
    }
}
