using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ReleaseBot.History;

/// <summary>
/// UUIDv7s that sort by when they were made even within a millisecond: the 12 bits behind the version count (RFC 9562, 6.2, method 1).
/// The order of arrival hangs on it, since a batch of deliveries is stored in one moment.
/// </summary>
internal sealed class IdSequence
{
    private readonly Lock _lock = new();

    /// <summary>Milliseconds since 1970, and 12 bits of counter behind them.</summary>
    private long _last;

    public Guid Next(DateTimeOffset now)
    {
        long stamp;
        lock (_lock)
        {
            _last = Math.Max(_last + 1, now.ToUnixTimeMilliseconds() << 12);
            stamp = _last;
        }

        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes[8..]);
        BinaryPrimitives.WriteInt64BigEndian(bytes, ((stamp >> 12) << 16) | 0x7000 | (stamp & 0xFFF));
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>The lowest UUIDv7 of a millisecond.</summary>
    public static Guid FirstAt(DateTimeOffset moment)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, (Math.Max(0, moment.ToUnixTimeMilliseconds()) << 16) | 0x7000);
        bytes[8] = 0x80;
        return new Guid(bytes, bigEndian: true);
    }
}
