using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace ReleaseBot.Registries;

/// <summary>
/// A blob as the body of an upload: read from its source only when the registry wants it, passed on as it comes, and checked on the way.
/// </summary>
internal sealed class BlobContent : HttpContent
{
    private const int BufferSize = 128 * 1024;

    private readonly BlobSource _source;
    private readonly Watchdog _watchdog;
    private readonly RegistryLimits _limits;

    public BlobContent(BlobSource source, Watchdog watchdog, RegistryLimits limits)
    {
        _source = source;
        _watchdog = watchdog;
        _limits = limits;
        Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _source.Blob.Size;
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // The source has its own limit; the registry is not to blame for it.
        _watchdog.Pause();
        await using var source = await _source.OpenAsync(cancellationToken);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            var total = 0L;
            for (int count; (count = await source.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                total += count;
                hash.AppendData(buffer, 0, count);
                if (total > _source.Blob.Size)
                {
                    break;
                }

                _watchdog.Renew(_limits.Inactivity);
                await stream.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                _watchdog.Pause();
            }

            if (total != _source.Blob.Size || $"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}" != _source.Blob.Digest.Value)
            {
                throw _source.Corrupt();
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        _watchdog.Renew(_limits.Commit(_source.Blob.Size));
    }
}
