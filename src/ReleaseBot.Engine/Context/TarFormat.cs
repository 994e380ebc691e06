using System.Buffers.Binary;

namespace ReleaseBot.Engine;

/// <summary>Where things are in a tar header block, and how numbers are written there (POSIX.1-1988 ustar, with GNU's base-256 for large ones).</summary>
internal static class TarFormat
{
    public const int BlockSize = 512;

    public const byte RegularFile = (byte)'0';
    public const byte OldRegularFile = 0;
    public const byte HardLink = (byte)'1';
    public const byte SymbolicLink = (byte)'2';
    public const byte CharacterDevice = (byte)'3';
    public const byte BlockDevice = (byte)'4';
    public const byte Folder = (byte)'5';
    public const byte Fifo = (byte)'6';
    public const byte ContiguousFile = (byte)'7';
    public const byte GnuLongName = (byte)'L';
    public const byte GnuLongLink = (byte)'K';
    public const byte PaxGlobal = (byte)'g';
    public const byte PaxEntry = (byte)'x';

    /// <summary>rwxr-xr-x, for a folder that is made up.</summary>
    public const int FolderMode = 0x1ED;

    public static readonly Range Name = 0..100;
    public static readonly Range Mode = 100..108;
    public static readonly Range Owner = 108..116;
    public static readonly Range Group = 116..124;
    public static readonly Range Size = 124..136;
    public static readonly Range ModifiedAt = 136..148;
    public static readonly Range Checksum = 148..156;
    public static readonly Range LinkName = 157..257;
    public static readonly Range Magic = 257..265;
    public static readonly Range Prefix = 345..500;

    public const int Type = 156;

    public static bool IsZero(ReadOnlySpan<byte> block) => block.IndexOfAnyExcept((byte)0) < 0;

    /// <summary>The bytes that a file of this size takes, filled up to whole blocks.</summary>
    public static long Padded(long size) => (size + BlockSize - 1) / BlockSize * BlockSize;

    public static int Sum(ReadOnlySpan<byte> block)
    {
        var sum = 0;
        foreach (var value in block)
        {
            sum += value;
        }

        foreach (var value in block[Checksum])
        {
            sum += ' ' - value;
        }

        return sum;
    }

    /// <summary>Octal digits among blanks and zero bytes, or base-256 where the first bit is set.</summary>
    /// <returns>False for what is no number, or does not fit.</returns>
    public static bool TryReadNumber(ReadOnlySpan<byte> field, out long value)
    {
        value = 0;
        if ((field[0] & 0x80) != 0)
        {
            var high = field[..^8];
            value = BinaryPrimitives.ReadInt64BigEndian(field[^8..]);
            return high.Length == 0 || (high[0] == 0x80 && IsZero(high[1..]) && value >= 0);
        }

        foreach (var digit in field.Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7' || value > long.MaxValue >> 3)
            {
                return false;
            }

            value = (value << 3) | (long)(digit - '0');
        }

        return true;
    }

    /// <summary>Octal while it fits, GNU's base-256 beyond.</summary>
    public static void WriteNumber(Span<byte> field, long value)
    {
        if (value < 0 || value >> (3 * (field.Length - 1)) != 0)
        {
            field.Clear();
            BinaryPrimitives.WriteInt64BigEndian(field[^8..], value);
            field[0] |= 0x80;
            return;
        }

        field[^1] = 0;
        for (var at = field.Length - 2; at >= 0; at--)
        {
            field[at] = (byte)('0' + (value & 7));
            value >>= 3;
        }
    }

    /// <summary>Up to the first zero byte.</summary>
    public static ReadOnlySpan<byte> ReadText(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return end < 0 ? field : field[..end];
    }
}
