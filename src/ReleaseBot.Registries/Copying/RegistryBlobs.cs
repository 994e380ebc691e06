using System.Net;

namespace ReleaseBot.Registries;

/// <summary>The blobs of one registry. Every method tries once: a blob is tried again as a whole, in a session of its own.</summary>
internal sealed class RegistryBlobs(RegistryTransport transport, RegistryLimits limits, TimeProvider time)
{
    public async Task<bool> ExistsAsync(string repository, Descriptor blob, CancellationToken cancellationToken)
    {
        using var response = await transport.SendAsync(
            new RegistryRequest
            {
                Method = HttpMethod.Head,
                Address = $"v2/{repository}/blobs/{blob.Digest}",
                Repository = repository,
                What = $"look for the blob {blob.Digest.Short}",
                Scope = Scopes.Of(repository),
                // A registry redirects to its storage only for what it holds; whether HEAD is allowed there is another matter.
                Answers = [HttpStatusCode.NotFound, HttpStatusCode.RedirectKeepVerb, HttpStatusCode.Redirect],
            },
            cancellationToken);
        return response.StatusCode != HttpStatusCode.NotFound;
    }

    public async Task<Stream> OpenAsync(string repository, Descriptor blob, CancellationToken cancellationToken)
    {
        var request = Download(repository, blob);
        var response = await transport.SendAsync(request, cancellationToken);
        return await transport.OpenAsync(request, response, cancellationToken);
    }

    /// <summary>Null where the blob is now there; otherwise the session that the registry opened instead.</summary>
    public async Task<UploadSession?> MountAsync(string repository, string from, Descriptor blob, CancellationToken cancellationToken)
    {
        var request = new RegistryRequest
        {
            Method = HttpMethod.Post,
            Address = $"v2/{repository}/blobs/uploads/?mount={Uri.EscapeDataString(blob.Digest.Value)}&from={Uri.EscapeDataString(from)}",
            Repository = repository,
            What = $"mount the blob {blob.Digest.Short} from {from}",
            Scope = Scopes.OfMount(repository, from),
        };
        using var response = await transport.SendAsync(request, cancellationToken);
        return response.StatusCode == HttpStatusCode.Created ? null : Session(request, response);
    }

    public async Task<UploadSession> BeginAsync(string repository, CancellationToken cancellationToken)
    {
        var request = new RegistryRequest
        {
            Method = HttpMethod.Post,
            Address = $"v2/{repository}/blobs/uploads/",
            Repository = repository,
            What = "start an upload",
            Scope = Scopes.Of(repository),
        };
        using var response = await transport.SendAsync(request, cancellationToken);
        return Session(request, response);
    }

    /// <summary>Sends the blob in one request. The registry checks the digest too, and answers 201 only if it is right.</summary>
    public async Task UploadAsync(UploadSession session, BlobSource source, CancellationToken cancellationToken)
    {
        var address = session.Address.AbsoluteUri;
        using var response = await transport.SendAsync(
            new RegistryRequest
            {
                Method = HttpMethod.Put,
                Address = $"{address}{(address.Contains('?', StringComparison.Ordinal) ? '&' : '?')}digest={Uri.EscapeDataString(source.Blob.Digest.Value)}",
                Repository = session.Repository,
                What = $"upload the blob {source.Blob.Digest.Short}",
                Scope = Scopes.Of(session.Repository),
                Content = watchdog => new BlobContent(source, watchdog, limits),
            },
            cancellationToken);
    }

    /// <summary>Ends a session that is not needed any more. A registry that can't or won't removes it later by itself.</summary>
    public async Task<bool> TryAbortAsync(UploadSession session)
    {
        // Not with the caller's token: a cancelled copy cleans up too.
        using var watchdog = new Watchdog(limits.Abort, time, CancellationToken.None);
        try
        {
            using var response = await transport.SendAsync(
                new RegistryRequest
                {
                    Method = HttpMethod.Delete,
                    Address = session.Address.AbsoluteUri,
                    Repository = session.Repository,
                    What = "end an upload",
                    Scope = Scopes.OfDelete(session.Repository),
                },
                watchdog.Token);
            return true;
        }
        catch (RegistryException)
        {
            return false;
        }
        catch (OperationCanceledException) when (watchdog.HasBitten)
        {
            return false;
        }
    }

    public RegistryException Corrupt(string repository, Descriptor blob) =>
        transport.Failures.Corrupt(Download(repository, blob), $"its bytes are not the {blob.Size} of {blob.Digest}");

    private static RegistryRequest Download(string repository, Descriptor blob) => new()
    {
        Method = HttpMethod.Get,
        Address = $"v2/{repository}/blobs/{blob.Digest}",
        Repository = repository,
        What = $"read the blob {blob.Digest.Short}",
        Scope = Scopes.Of(repository),
    };

    private UploadSession Session(RegistryRequest request, HttpResponseMessage response) =>
        new(request.Repository, transport.Resolve(request, new Uri(transport.Root, request.Address), response));
}

/// <summary>An upload that a registry has opened.</summary>
/// <param name="Address">Where the blob goes. Its query is the registry's own state and may be a credential: not for messages.</param>
internal sealed record UploadSession(string Repository, Uri Address);
