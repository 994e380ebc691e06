using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>
/// Decides whether a delivery comes from our GitLab. GitLab 19 signs a delivery as Standard Webhooks do: HMAC-SHA256 over
/// <c>{webhook-id}.{webhook-timestamp}.{raw body}</c>, sent as <c>webhook-signature: v1,BASE64</c>, several separated by spaces.
/// An older GitLab sends its secret in <c>X-Gitlab-Token</c>. A delivery that carries a signature is judged by that alone: were a bad
/// signature to fall back to the token, a captured token would be worth as much as the key.
/// </summary>
/// <seealso href="https://docs.gitlab.com/user/project/integrations/webhooks/"/>
/// <seealso href="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"/>
public sealed class WebhookAuthenticator
{
    private const string SignatureHeader = "webhook-signature";
    private const string IdHeader = "webhook-id";
    private const string TimestampHeader = "webhook-timestamp";
    private const string TokenHeader = "X-Gitlab-Token";
    private const string IdempotencyHeader = "Idempotency-Key";
    private const string SignatureVersion = "v1,";
    private const int MaxIdLength = 200;
    private const int MaxTokenLength = 4096;
    private const int MaxSignatureLength = 4096;
    private const int MaxTimestampLength = 19;

    private readonly IReadOnlyList<SigningKey> _keys;
    private readonly IReadOnlyList<byte[]> _secretHashes;
    private readonly TimeSpan _replayWindow;
    private readonly TimeProvider _time;

    /// <exception cref="ArgumentException">A signing token is not <c>whsec_</c> and base64, or a secret is empty. The message does not hold it.</exception>
    public WebhookAuthenticator(WebhookSettings settings, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _time = time;
        _replayWindow = settings.ReplayWindow;
        _keys = [.. settings.SigningTokens.Select((token, index) => SigningKey.TryParse(token, out var key)
            ? key
            : throw new ArgumentException($"GitLab:Webhook:SigningTokens:{index} must be whsec_ followed by the key in base64.", nameof(settings)))];
        _secretHashes = [.. settings.Secrets.Select((secret, index) => AsSent(secret) is { Length: > 0 } sent
            ? Hash(sent)
            : throw new ArgumentException($"GitLab:Webhook:Secrets:{index} must not be empty.", nameof(settings)))];
    }

    /// <summary>Judges a delivery. Never throws for anything that a caller can send.</summary>
    /// <param name="rawBody">The body as it came, byte for byte.</param>
    public WebhookVerdict Verify(IHeaderDictionary headers, ReadOnlySpan<byte> rawBody)
    {
        ArgumentNullException.ThrowIfNull(headers);
        return headers.ContainsKey(SignatureHeader) ? VerifySignature(headers, rawBody) : VerifyToken(headers);
    }

    /// <summary>
    /// The id that GitLab keeps over retries and resends of one delivery: <c>webhook-id</c> (19.0), else <c>Idempotency-Key</c> (17.4).
    /// Null for an older GitLab, and for a value that is no id: longer than 200 characters, not printable ASCII, or sent twice.
    /// (<c>X-Gitlab-Event-UUID</c> is shared by a chain of hooks and <c>X-Gitlab-Webhook-UUID</c> is new with every attempt: neither is an id.)
    /// </summary>
    public static string? DeliveryId(IHeaderDictionary headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        var id = Single(headers, headers.ContainsKey(IdHeader) ? IdHeader : IdempotencyHeader, MaxIdLength);
        return id is not null && IsId(id) ? id : null;
    }

    private WebhookVerdict VerifySignature(IHeaderDictionary headers, ReadOnlySpan<byte> rawBody)
    {
        if (_keys.Count == 0)
        {
            return new WebhookVerdict.Refused("The delivery is signed, but GitLab:Webhook:SigningTokens is empty: add the hook's signing token.");
        }

        var id = Single(headers, IdHeader, MaxIdLength);
        if (id is null || !IsId(id))
        {
            return new WebhookVerdict.Refused("The delivery is signed, but has not exactly one usable webhook-id.");
        }

        var timestamp = Single(headers, TimestampHeader, MaxTimestampLength);
        if (!long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
        {
            return new WebhookVerdict.Refused("The delivery is signed, but has not exactly one webhook-timestamp in Unix seconds.");
        }

        if (Single(headers, SignatureHeader, MaxSignatureLength) is not { } signatures)
        {
            return new WebhookVerdict.Refused("The webhook-signature is empty, too long, or sent more than once.");
        }

        if (!AnySignatureFits(signatures, Encoding.UTF8.GetBytes($"{id}.{timestamp}."), rawBody))
        {
            return new WebhookVerdict.Refused("The webhook-signature fits none of GitLab:Webhook:SigningTokens.");
        }

        // Last, so that the log can tell a wrong clock from a forged delivery.
        var age = _time.GetUtcNow().ToUnixTimeSeconds() - seconds;
        return Math.Abs(age) > (long)_replayWindow.TotalSeconds
            ? new WebhookVerdict.Refused($"The signature is valid, but {Math.Abs(age)} s {(age > 0 ? "old" : "in the future")}: outside the replay window of {_replayWindow}. A replay, or a clock that is wrong.")
            : new WebhookVerdict.Signed();
    }

    /// <summary>Compares every signature with every key, without stopping at the first that fits.</summary>
    private bool AnySignatureFits(string signatures, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> rawBody)
    {
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        // One byte longer than a signature, so that too long a value does not fit by its beginning.
        Span<byte> presented = stackalloc byte[HMACSHA256.HashSizeInBytes + 1];
        var fits = false;
        foreach (var key in _keys)
        {
            using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key.Bytes);
            hmac.AppendData(prefix);
            hmac.AppendData(rawBody);
            hmac.GetHashAndReset(expected);
            foreach (var range in signatures.AsSpan().Split(' '))
            {
                var entry = signatures.AsSpan(range);
                if (entry.StartsWith(SignatureVersion, StringComparison.Ordinal)
                    && Convert.TryFromBase64Chars(entry[SignatureVersion.Length..], presented, out var length))
                {
                    fits |= CryptographicOperations.FixedTimeEquals(presented[..length], expected);
                }
            }
        }

        return fits;
    }

    private WebhookVerdict VerifyToken(IHeaderDictionary headers)
    {
        if (_secretHashes.Count == 0)
        {
            return new WebhookVerdict.Refused(_keys.Count > 0
                ? "The delivery is not signed: give the hook a signing token in GitLab."
                : "Neither GitLab:Webhook:SigningTokens nor GitLab:Webhook:Secrets is set: nothing can be let in.");
        }

        if (Single(headers, TokenHeader, MaxTokenLength) is not { } token)
        {
            return new WebhookVerdict.Refused("The delivery carries neither a signature nor exactly one X-Gitlab-Token.");
        }

        // Both sides are hashed so that neither the length nor the first wrong byte shows in the timing.
        var presented = Hash(token);
        var fits = false;
        foreach (var secret in _secretHashes)
        {
            fits |= CryptographicOperations.FixedTimeEquals(presented, secret);
        }

        return fits ? new WebhookVerdict.Token() : new WebhookVerdict.Refused("The X-Gitlab-Token is none of GitLab:Webhook:Secrets.");
    }

    /// <summary>The header's value if it was sent once, is not empty and not longer than that.</summary>
    private static string? Single(IHeaderDictionary headers, string name, int maxLength) =>
        headers.TryGetValue(name, out var values) && values is [{ } value] && value.Length > 0 && value.Length <= maxLength ? value : null;

    private static bool IsId(string id) => !id.AsSpan().ContainsAnyExceptInRange('!', '~');

    private static byte[] Hash(string value) => SHA256.HashData(Encoding.UTF8.GetBytes(value));

    /// <summary>GitLab strips line breaks from the token before it sends it (lib/gitlab/web_hooks.rb).</summary>
    private static string AsSent(Secret secret) =>
        secret.Reveal().Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal);
}
