using System.Globalization;

namespace ReleaseBot.Registries;

/// <summary>From where to where blobs are copied.</summary>
internal sealed class CopyRoute(RegistryClient from, string fromRepository, RegistryClient to, string toRepository, Action<string>? progress)
{
    private readonly Lock _telling = new();

    public RegistryClient From => from;

    public string FromRepository => fromRepository;

    public RegistryClient To => to;

    public string ToRepository => toRepository;

    private bool IsWithinOneRegistry => ReferenceEquals(from, to) || string.Equals(from.Host, to.Host, StringComparison.OrdinalIgnoreCase);

    /// <summary>Brings one blob over, by the cheapest way there is, and tries again as a whole.</summary>
    public async Task CopyAsync(Descriptor blob, CancellationToken cancellationToken)
    {
        if (!blob.IsDistributable)
        {
            Tell(blob, "not copied, it comes from its vendor");
            return;
        }

        Tell(blob, await to.Retries.ExecuteAsync(async token => await CopyOnceAsync(blob, token), cancellationToken));
    }

    private async Task<string> CopyOnceAsync(Descriptor blob, CancellationToken cancellationToken)
    {
        if (await to.Blobs.ExistsAsync(toRepository, blob, cancellationToken))
        {
            return "already there";
        }

        var session = IsWithinOneRegistry && fromRepository != toRepository
            ? await TryMountAsync(blob, cancellationToken)
            : await to.Blobs.BeginAsync(toRepository, cancellationToken);
        if (session is null)
        {
            return $"mounted from {fromRepository}";
        }

        try
        {
            await to.Blobs.UploadAsync(session, new BlobSource(from.Blobs, fromRepository, blob), cancellationToken);
        }
        catch
        {
            await to.Blobs.TryAbortAsync(session);
            throw;
        }

        return "copied";
    }

    /// <summary>Null where the mount succeeded. One that may not read the other repository still may upload to this one.</summary>
    private async Task<UploadSession?> TryMountAsync(Descriptor blob, CancellationToken cancellationToken)
    {
        try
        {
            return await to.Blobs.MountAsync(toRepository, fromRepository, blob, cancellationToken);
        }
        catch (RegistryException exception) when (exception.Fault is RegistryFault.Denied or RegistryFault.Refused)
        {
            return await to.Blobs.BeginAsync(toRepository, cancellationToken);
        }
    }

    private void Tell(Descriptor blob, string what)
    {
        lock (_telling)
        {
            progress?.Invoke(string.Create(
                CultureInfo.InvariantCulture, $"{to.Host}/{toRepository}: {blob.Digest.Short} ({blob.Size / 1_000_000.0:0.0} MB): {what}"));
        }
    }
}
