using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using ReleaseBot.Core;

namespace ReleaseBot.Engine;

/// <summary>
/// Unpacks gzip, and says so when it was cut off: .NET's own stream ends quietly then, as if that had been all. A gzip ends with the length of what
/// was packed (RFC 1952, ISIZE), and the last bytes that came must be it.
/// </summary>
internal sealed class GzipSource : ReadOnlyStream
{
    private readonly TailStream _packed;
    private readonly GZipStream _unpacked;
    private long _length;

    public GzipSource(Stream packed)
    {
        _packed = new TailStream(packed);
        _unpacked = new GZipStream(_packed, CompressionMode.Decompress, leaveOpen: true);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        try
        {
            read = await _unpacked.ReadAsync(buffer, cancellationToken);
        }
        catch (InvalidDataException fault)
        {
            throw _length == 0
                ? ContextErrors.NotAnArchive("it is not gzip", fault)
                : ContextErrors.Truncated("its compressed data is damaged", fault);
        }

        _length += read;
        if (read == 0 && buffer.Length > 0 && !EndsInOrder())
        {
            throw ContextErrors.Truncated(_packed.Total == 0 ? "nothing came" : "its compressed data ends too early");
        }

        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _unpacked.Dispose();
        }

        base.Dispose(disposing);
    }

    private bool EndsInOrder() =>
        _packed.Total >= 18 && BinaryPrimitives.ReadUInt32LittleEndian(_packed.Tail) == unchecked((uint)_length);

    /// <summary>
    /// Reads ahead, and remembers the last four bytes that went by. .NET's inflate asks for 8 KiB at a time: from a file or a connection each of them would
    /// be a call and a wait of its own.
    /// </summary>
    private sealed class TailStream(Stream source) : ReadOnlyStream
    {
        // Below the 85,000 bytes from which on .NET keeps it apart and collects it late.
        private readonly byte[] _ahead = new byte[80 * 1024];
        private readonly byte[] _tail = new byte[4];
        private int _start;
        private int _end;

        public long Total { get; private set; }

        public ReadOnlySpan<byte> Tail => _tail;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            _start < _end ? ValueTask.FromResult(Take(buffer.Span)) : FillAsync(buffer, cancellationToken);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<int> FillAsync(Memory<byte> buffer, CancellationToken cancellationToken)
        {
            (_start, _end) = (0, 0);
            _end = await source.ReadAsync(_ahead, cancellationToken);
            return Take(buffer.Span);
        }

        private int Take(Span<byte> buffer)
        {
            var taken = _ahead.AsSpan(_start, Math.Min(buffer.Length, _end - _start));
            taken.CopyTo(buffer);
            _start += taken.Length;
            Total += taken.Length;
            var last = taken[Math.Max(0, taken.Length - 4)..];
            _tail.AsSpan(last.Length).CopyTo(_tail);
            last.CopyTo(_tail.AsSpan(4 - last.Length));
            return taken.Length;
        }
    }
}
