using System.Security.Cryptography;

namespace ReleaseBot.History;

/// <summary>A delivery whose body is as its row has it. Packed by whoever brings it: there is one writer, and what it does everybody waits for.</summary>
internal sealed record PackedDelivery(NewDelivery Delivery, PackedBody Body)
{
    public static PackedDelivery Of(NewDelivery delivery) => new(delivery, PackedBody.Of(delivery.Body.Span, isKept: delivery.Ignored is null));
}

/// <param name="Compressed">Null for a delivery that was ignored.</param>
/// <param name="Sha256">In hex.</param>
/// <param name="Length">Of the body as it came, in bytes.</param>
internal readonly record struct PackedBody(byte[]? Compressed, string Sha256, int Length)
{
    public static PackedBody Of(ReadOnlySpan<byte> body, bool isKept) =>
        new(isKept ? Compression.Compress(body) : null, Convert.ToHexStringLower(SHA256.HashData(body)), body.Length);
}
