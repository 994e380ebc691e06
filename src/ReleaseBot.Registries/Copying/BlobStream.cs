using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>A blob on its way from a registry: read only, bounded by inactivity, and telling its failures as the registry's.</summary>
internal sealed class BlobStream(
    Stream body, HttpResponseMessage response, RegistryRequest request, Failures failures, Silences silences, TimeSpan inactivity, TimeProvider time) : ReadOnlyStream
{
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
