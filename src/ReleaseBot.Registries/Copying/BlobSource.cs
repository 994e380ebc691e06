namespace ReleaseBot.Registries;

/// <summary>A blob in the registry that it is copied from.</summary>
internal sealed record BlobSource(RegistryBlobs Blobs, string Repository, Descriptor Blob)
{
    public Task<Stream> OpenAsync(CancellationToken cancellationToken) => Blobs.OpenAsync(Repository, Blob, cancellationToken);

    public RegistryException Corrupt() => Blobs.Corrupt(Repository, Blob);
}
