using System.Diagnostics.CodeAnalysis;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>
/// The key of a Standard Webhooks signature, out of a token such as <c>whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=</c>:
/// the part after the prefix is the key in base64, with no other derivation. GitLab's has 32 bytes.
/// </summary>
public sealed class SigningKey
{
    private const string Prefix = "whsec_";
    private const int MinBytes = 16;
    private const int MaxBytes = 128;
    private readonly byte[] _key;

    private SigningKey(byte[] key) => _key = key;

    internal ReadOnlySpan<byte> Bytes => _key;

    /// <summary>Reads a signing token; false unless it is <c>whsec_</c> and the base64 of 16 to 128 bytes.</summary>
    public static bool TryParse(Secret? token, [NotNullWhen(true)] out SigningKey? key)
    {
        key = null;
        var text = token?.Reveal().Trim();
        if (text is null || !text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[MaxBytes];
        if (!Convert.TryFromBase64String(text[Prefix.Length..], bytes, out var length) || length < MinBytes)
        {
            return false;
        }

        key = new SigningKey(bytes[..length].ToArray());
        return true;
    }

    public override string ToString() => "***";
}
