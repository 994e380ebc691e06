using ReleaseBot.Core;
using ReleaseBot.Registries;
using ReleaseBot.Web;

namespace ReleaseBot.Hosting;

/// <summary>Lets the web role ask registries where both roles are one process, and the credentials are here anyway.</summary>
internal sealed class RegistryReader(RegistryClients clients, ReleaseBotSettings settings, TimeProvider time) : IRegistryReader
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public async Task<Digest?> DigestAsync(ImageRef image, CancellationToken cancellationToken)
    {
        var registry = settings.Registries.Values.FirstOrDefault(registry => registry.Host == image.Repository.Host)
            ?? throw new RegistryReadException($"{image.Repository.Host} is not among the configured registries");
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await clients.Get(registry.Name).HeadManifestAsync(image.Repository.Name, image.Tag, either.Token);
        }
        catch (RegistryException exception)
        {
            throw new RegistryReadException(exception.Message, exception);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RegistryReadException($"{registry.Name} did not answer within {Limit.TotalSeconds:F0} s", exception);
        }
    }
}
