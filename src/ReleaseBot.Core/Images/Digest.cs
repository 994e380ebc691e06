using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace ReleaseBot.Core;

/// <summary>A content digest of the OCI image specification, e.g. <c>sha256:</c> and 64 lower-case hex digits.</summary>
public sealed record Digest
{
    private const string Prefix = "sha256:";

    private Digest(string value) => Value = value;

    public string Value { get; }

    /// <summary>The algorithm and the first twelve digits, for people.</summary>
    public string Short => Value[..(Prefix.Length + 12)];

    public override string ToString() => Value;

    public static Digest Of(ReadOnlySpan<byte> content) => new(Prefix + Convert.ToHexStringLower(SHA256.HashData(content)));

    public static Digest Parse(string value) =>
        TryParse(value, out var digest) ? digest : throw new FormatException("Not a digest: sha256: and 64 hex digits are expected.");

    public static bool TryParse([NotNullWhen(true)] string? value, [NotNullWhen(true)] out Digest? digest)
    {
        digest = null;
        if (value is null || value.Length != Prefix.Length + 64 || !value.StartsWith(Prefix, StringComparison.Ordinal)
            || value.AsSpan(Prefix.Length).ContainsAnyExcept("0123456789abcdef"))
        {
            return false;
        }

        digest = new Digest(value);
        return true;
    }
}
