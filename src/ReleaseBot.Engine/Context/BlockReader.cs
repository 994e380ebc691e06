using System.Buffers;
using System.Runtime.CompilerServices;

namespace ReleaseBot.Engine;

/// <summary>Reads an unpacked archive through one pooled buffer, and stops at a limit: a small file can unpack to any size.</summary>
internal sealed class BlockReader(Stream source, long maxBytes) : IDisposable
{
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(128 * 1024);
    private int _start;
    private int _end;

    /// <summary>Everything read so far.</summary>
    public long Total { get; private set; }

    public long MaxBytes => maxBytes;

    /// <summary>What may still be read within the limit, the buffered part included.</summary>
    public long Remaining => maxBytes - Total + (_end - _start);

    /// <summary>The next bytes, as many as were asked for and are there.</summary>
    public ReadOnlySpan<byte> Span(int length) => _buffer.AsSpan(_start, Math.Min(length, _end - _start));

    public void Advance(int length) => _start += length;

    /// <summary>Sees to it that at least <paramref name="length"/> bytes are buffered.</summary>
    /// <returns>False where the source ends before.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> TryFillAsync(int length, CancellationToken cancellationToken)
    {
        if (_start + length > _buffer.Length)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        while (_end - _start < length)
        {
            var read = await ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read == 0)
            {
                return false;
            }

            _end += read;
        }

        return true;
    }

    /// <summary>Hands the next <paramref name="length"/> bytes on, or drops them where there is nobody to take them.</summary>
    /// <returns>False where the source ends before.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> TryMoveAsync(long length, TarOutput? output, CancellationToken cancellationToken)
    {
        while (length > 0)
        {
            if (_start == _end)
            {
                (_start, _end) = (0, 0);
                if (!await TryFillAsync(1, cancellationToken))
                {
                    return false;
                }
            }

            var part = (int)Math.Min(length, _end - _start);
            if (output is not null)
            {
                await output.WriteAsync(_buffer.AsMemory(_start, part), cancellationToken);
            }

            _start += part;
            length -= part;
        }

        return true;
    }

    /// <summary>Reads to the end, so that a source which checks itself there gets to do so.</summary>
    public async ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        (_start, _end) = (0, 0);
        while (await ReadAsync(_buffer, cancellationToken) > 0)
        {
        }
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var read = await source.ReadAsync(buffer, cancellationToken);
        Total += read;
        return Total <= maxBytes ? read : throw ContextErrors.TooLarge(maxBytes);
    }
}
