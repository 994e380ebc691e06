using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace ReleaseBot.Web;

/// <summary>A request's body, byte for byte, in a buffer of the pool.</summary>
internal sealed class PooledBody : IDisposable
{
    private const int FirstSize = 16 * 1024;
    private byte[]? _buffer;
    private int _length;

    private PooledBody(byte[] buffer) => _buffer = buffer;

    public ReadOnlyMemory<byte> Memory => _buffer.AsMemory(0, _length);

    /// <summary>Reads to the end; null where there is more than <paramref name="maxBytes"/>, whatever the Content-Length said.</summary>
    public static async Task<PooledBody?> ReadAsync(HttpRequest request, int maxBytes, CancellationToken cancellationToken)
    {
        var expected = Math.Min(request.ContentLength ?? FirstSize, maxBytes);
        var body = new PooledBody(ArrayPool<byte>.Shared.Rent((int)expected + 1));
        try
        {
            if (await body.FillAsync(request.Body, maxBytes, cancellationToken))
            {
                return body;
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }

        body.Dispose();
        return null;
    }

    public void Dispose()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<bool> FillAsync(Stream stream, int maxBytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await stream.ReadAsync(_buffer.AsMemory(_length), cancellationToken);
            if (read == 0)
            {
                return true;
            }

            _length += read;
            if (_length > maxBytes)
            {
                return false;
            }

            if (_length == _buffer!.Length)
            {
                Grow(maxBytes);
            }
        }
    }

    private void Grow(int maxBytes)
    {
        // One more than is legal, so that too much is noticed without a buffer for it.
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(_buffer!.Length * 2L, maxBytes + 1L));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
