namespace ReleaseBot.Registries;

/// <summary>A blob on its way from a registry: read only, bounded by inactivity, and telling its failures as the registry's.</summary>
internal sealed class BlobStream(
    Stream body, HttpResponseMessage response, RegistryRequest request, Failures failures, Silences silences, TimeSpan inactivity, TimeProvider time) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var watchdog = new Watchdog(inactivity, time, cancellationToken);
        try
        {
            return await body.ReadAsync(buffer, watchdog.Token);
        }
        catch (OperationCanceledException exception) when (watchdog.HasBitten)
        {
            throw silences.Begin(response.RequestMessage?.RequestUri, Failures.TimedOut(failures.About(request), inactivity, exception, isSilence: false));
        }
        catch (Exception exception) when (Transient.IsNetwork(exception))
        {
            throw failures.Unreachable(failures.About(request), exception);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            body.Dispose();
            response.Dispose();
        }

        base.Dispose(disposing);
    }
}
