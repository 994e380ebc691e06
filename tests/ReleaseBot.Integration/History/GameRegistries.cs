using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Integration.Registries;
using ReleaseBot.Parts;
using ReleaseBot.Registries;

namespace ReleaseBot.Integration.History;

/// <summary>Where the tags of a game are.</summary>
internal interface IGameRegistries : IDisposable
{
    /// <summary>By host, which is also the name in the configuration.</summary>
    IReadOnlyDictionary<string, RegistrySettings> Settings { get; }

    IReadOnlyList<string> Hosts => [.. Settings.Keys];

    /// <summary>A way to the registries.</summary>
    HttpMessageHandler Connect();

    /// <returns>An image that can be pushed from now on.</returns>
    RegistryManifest Build(string what);

    Task<Digest?> GetAsync(ImageRef image, CancellationToken cancellationToken);

    /// <summary>What an engine does, or a stranger.</summary>
    Task PushAsync(ImageRef image, Digest digest, CancellationToken cancellationToken);
}

/// <summary>One that is two dictionaries, and speaks the part of the distribution API that tags are moved by.</summary>
internal sealed class ImaginedRegistry : IGameRegistries
{
    private readonly Dictionary<Digest, RegistryManifest> _manifests = [];
    private readonly Dictionary<(string Repository, string Tag), Digest> _tags = [];

    public IReadOnlyDictionary<string, RegistrySettings> Settings { get; } =
        new Dictionary<string, RegistrySettings> { ["registry.example"] = new() { Name = "registry.example", Host = "registry.example" } };

    public HttpMessageHandler Connect() => new Api(this);

    public RegistryManifest Build(string what)
    {
        var config = new { mediaType = "application/vnd.docker.container.image.v1+json", digest = Digest.Of(Encoding.UTF8.GetBytes(what)).Value, size = 1 };
        var manifest = RegistryManifest.Parse(
            JsonSerializer.SerializeToUtf8Bytes(new { schemaVersion = 2, mediaType = MediaTypes.DockerManifest, config, layers = Array.Empty<object>() }), MediaTypes.DockerManifest);
        _manifests[manifest.Digest] = manifest;
        return manifest;
    }

    public Task<Digest?> GetAsync(ImageRef image, CancellationToken cancellationToken) =>
        Task.FromResult(_tags.GetValueOrDefault((image.Repository.Name, image.Tag)));

    public Task PushAsync(ImageRef image, Digest digest, CancellationToken cancellationToken)
    {
        _tags[(image.Repository.Name, image.Tag)] = digest;
        return Task.CompletedTask;
    }

    public void Dispose()
    {
    }

    private sealed class Api(ImaginedRegistry registry) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (GamePath.Of(request) is not { } path)
            {
                return new HttpResponseMessage(HttpStatusCode.BadRequest);
            }

            if (path.Reference is not { } reference)
            {
                var tags = registry._tags.Keys.Where(key => key.Repository == path.Repository).Select(key => key.Tag);
                return new HttpResponseMessage { Content = new StringContent(JsonSerializer.Serialize(new { name = path.Repository, tags })) };
            }

            if (request.Method == HttpMethod.Put)
            {
                var put = RegistryManifest.Parse(await request.Content!.ReadAsByteArrayAsync(cancellationToken), request.Content.Headers.ContentType?.MediaType);
                registry._tags[(path.Repository, reference)] = put.Digest;
                return Answer(HttpStatusCode.Created, put.Digest, new ByteArrayContent([]));
            }

            if (!Digest.TryParse(reference, out var digest) && !registry._tags.TryGetValue((path.Repository, reference), out digest))
            {
                return new HttpResponseMessage(HttpStatusCode.NotFound);
            }

            var manifest = registry._manifests[digest];
            return Answer(HttpStatusCode.OK, digest, new ReadOnlyMemoryContent(manifest.Bytes) { Headers = { ContentType = new MediaTypeHeaderValue(manifest.MediaType) } });
        }

        private static HttpResponseMessage Answer(HttpStatusCode status, Digest digest, HttpContent content) =>
            new(status) { Headers = { { "Docker-Content-Digest", digest.Value } }, Content = content };
    }
}

/// <summary>Real ones.</summary>
internal sealed class RealRegistries : IGameRegistries
{
    private readonly Dictionary<Digest, TestImage> _images = [];
    private readonly RegistryClients _clients;

    public RealRegistries(params IReadOnlyList<DockerRegistry> registries)
    {
        Settings = registries.ToDictionary(registry => registry.Host, registry => new RegistrySettings { Name = registry.Host, Host = registry.Host, Insecure = true });
        _clients = new RegistryClients(Settings, new TrustedRealms(new Uri("https://gitlab.example/")), TimeProvider.System, NullLoggerFactory.Instance);
    }

    public IReadOnlyDictionary<string, RegistrySettings> Settings { get; }

    public HttpMessageHandler Connect() => new SocketsHttpHandler();

    public RegistryManifest Build(string what)
    {
        var image = TestImage.Create(64);
        _images.Add(image.Manifest.Digest, image);
        return image.Manifest;
    }

    public Task<Digest?> GetAsync(ImageRef image, CancellationToken cancellationToken) =>
        _clients.Get(image.Repository.Host).HeadManifestAsync(image.Repository.Name, image.Tag, cancellationToken);

    public Task PushAsync(ImageRef image, Digest digest, CancellationToken cancellationToken) =>
        _images[digest].PushAsync(image.Repository.Host, image.Repository.Name, image.Tag, cancellationToken);

    public void Dispose() => _clients.Dispose();
}

/// <summary>What a request to a registry is about.</summary>
/// <param name="Reference">Of a manifest; null for the list of tags.</param>
internal sealed record GamePath(string Repository, string? Reference)
{
    public static GamePath? Of(HttpRequestMessage request)
    {
        var path = request.RequestUri!.AbsolutePath;
        const string Root = "/v2/", List = "/tags/list", Manifests = "/manifests/";
        return path.IndexOf(Manifests, StringComparison.Ordinal) is > 0 and var at
            ? new GamePath(path[Root.Length..at], path[(at + Manifests.Length)..])
            : path.EndsWith(List, StringComparison.Ordinal) ? new GamePath(path[Root.Length..^List.Length], null) : null;
    }
}
