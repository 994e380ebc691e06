using ReleaseBot.Core;
using ReleaseBot.Registries;
using ReleaseBot.Web;

namespace ReleaseBot.Hosting;

/// <summary>Lets the web role ask registries where both roles are one process, and the credentials are here anyway.</summary>
internal sealed class RegistryReader(RegistryClients clients, TimeProvider time) : IRegistryReader
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public Task<Digest?> DigestAsync(ImageRef image, CancellationToken cancellationToken) =>
        AskAsync(image.Repository.Host, (client, token) => client.HeadManifestAsync(image.Repository.Name, image.Tag, token), cancellationToken);

    public Task<(Digest? Digest, string? ImageId)> ImageAsync(ImageRef image, IReadOnlyCollection<Digest> known, CancellationToken cancellationToken) =>
        AskAsync(
            image.Repository.Host,
            async (client, token) =>
            {
                // Docker Hub counts a GET of a manifest as a pull, and a HEAD not (https://docs.docker.com/docker-hub/usage/pulls/).
                var digest = await client.HeadManifestAsync(image.Repository.Name, image.Tag, token);
                if (digest is null || known.Contains(digest))
                {
                    return (digest, null);
                }

                return await client.GetManifestAsync(image.Repository.Name, image.Tag, token) is { } manifest
                    ? (manifest.Digest, manifest.ConfigDigest?.Value)
                    : ((Digest?)null, (string?)null);
            },
            cancellationToken);

    public Task<IReadOnlyList<string>> TagsAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        AskAsync<IReadOnlyList<string>>(
            repository.Host, async (client, token) => await client.ListTagsAsync(repository.Name, token).ToListAsync(token), cancellationToken);

    private async Task<T> AskAsync<T>(string host, Func<RegistryClient, CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        var client = clients.OfHost(host) ?? throw new RegistryReadException($"{host} is not among the configured registries");
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await ask(client, either.Token);
        }
        catch (RegistryException exception)
        {
            throw new RegistryReadException(exception.Message, exception);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RegistryReadException($"{client.Name} did not answer within {Limit.TotalSeconds:F0} s", exception);
        }
    }
}
