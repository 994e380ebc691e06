using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Integration.Registries;
using ReleaseBot.Parts;
using ReleaseBot.Registries;

namespace ReleaseBot.Integration.History;

/// <summary>Where the tags of a game are.</summary>
internal interface IGameRegistries
{
    IReadOnlyList<string> Hosts { get; }

    /// <returns>The digest of an image that can be put from now on.</returns>
    Digest Build(string what);

    Task<Digest?> GetAsync(ImageRef image, CancellationToken cancellationToken);

    Task<IReadOnlyList<string>> ListAsync(ImageRepository repository, CancellationToken cancellationToken);

    Task PutAsync(ImageRef image, Digest digest, CancellationToken cancellationToken);
}

/// <summary>One that is a dictionary.</summary>
internal sealed class ImaginedRegistry : IGameRegistries
{
    private readonly Dictionary<ImageRef, Digest> _tags = [];

    public IReadOnlyList<string> Hosts { get; } = ["registry.example"];

    public Digest Build(string what) => Digest.Of(Encoding.UTF8.GetBytes(what));

    public Task<Digest?> GetAsync(ImageRef image, CancellationToken cancellationToken) => Task.FromResult(_tags.GetValueOrDefault(image));

    public Task<IReadOnlyList<string>> ListAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>([.. _tags.Keys.Where(image => image.Repository == repository).Select(image => image.Tag)]);

    public Task PutAsync(ImageRef image, Digest digest, CancellationToken cancellationToken)
    {
        _tags[image] = digest;
        return Task.CompletedTask;
    }
}

/// <summary>Real ones, by the client that workers have.</summary>
internal sealed class RealRegistries : IGameRegistries, IDisposable
{
    private readonly Dictionary<Digest, TestImage> _images = [];
    private readonly RegistryClients _clients;

    public RealRegistries(params IReadOnlyList<DockerRegistry> registries)
    {
        Hosts = [.. registries.Select(registry => registry.Host)];
        _clients = new RegistryClients(
            Hosts.ToDictionary(host => host, host => new RegistrySettings { Name = host, Host = host, Insecure = true }), new TrustedRealms(new Uri("https://gitlab.example/")),
            TimeProvider.System, NullLoggerFactory.Instance);
    }

    public IReadOnlyList<string> Hosts { get; }

    public Digest Build(string what)
    {
        var image = TestImage.Create(64);
        _images.Add(image.Manifest.Digest, image);
        return image.Manifest.Digest;
    }

    public Task<Digest?> GetAsync(ImageRef image, CancellationToken cancellationToken) =>
        ClientOf(image.Repository).HeadManifestAsync(image.Repository.Name, image.Tag, cancellationToken);

    public async Task<IReadOnlyList<string>> ListAsync(ImageRepository repository, CancellationToken cancellationToken) =>
        await ClientOf(repository).ListTagsAsync(repository.Name, cancellationToken).ToListAsync(cancellationToken);

    public async Task PutAsync(ImageRef image, Digest digest, CancellationToken cancellationToken)
    {
        var (client, name) = (ClientOf(image.Repository), image.Repository.Name);
        var manifest = await client.GetManifestAsync(name, digest.Value, cancellationToken);
        if (manifest is null)
        {
            await _images[digest].PushAsync(image.Repository.Host, name, image.Tag, cancellationToken);
            return;
        }

        await client.PutManifestAsync(name, image.Tag, manifest, cancellationToken);
    }

    public void Dispose() => _clients.Dispose();

    private RegistryClient ClientOf(ImageRepository repository) => _clients.OfHost(repository.Host)!;
}
