using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ReleaseBot.Core;
using ReleaseBot.Registries;
using Shouldly;

namespace ReleaseBot.Integration.Registries;

/// <summary>An image of random bytes, pushed by plain HTTP and so without the client under test.</summary>
internal sealed class TestImage
{
    private const string LayerType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    private const string ForeignLayerType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

    private readonly List<byte[]> _blobs = [];

    private TestImage(RegistryManifest manifest) => Manifest = manifest;

    public RegistryManifest Manifest { get; }

    public IReadOnlyList<byte[]> Blobs => _blobs;

    public long Size => _blobs.Sum(blob => (long)blob.Length);

    public static TestImage Create(params IReadOnlyList<int> layerSizes) => Create(layerSizes, hasForeignLayer: false);

    public static TestImage CreateWithForeignLayer(int layerSize) => Create([layerSize], hasForeignLayer: true);

    /// <summary>An index over images, which must be in the repository already.</summary>
    public static RegistryManifest Index(params IReadOnlyList<TestImage> images) => RegistryManifest.Parse(
        JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2,
            mediaType = MediaTypes.DockerManifestList,
            manifests = images.Select((image, number) => new
            {
                mediaType = image.Manifest.MediaType,
                digest = image.Manifest.Digest.Value,
                size = image.Manifest.Bytes.Length,
                platform = new { os = "linux", architecture = number == 0 ? "amd64" : "arm64" },
            }),
        }),
        MediaTypes.DockerManifestList);

    /// <summary>Pushes it to a registry without access control.</summary>
    public async Task PushAsync(string host, string repository, string tag, CancellationToken cancellationToken)
    {
        await PushBlobsAsync(host, repository, cancellationToken);
        await PutAsync(host, repository, tag, Manifest, cancellationToken);
    }

    public async Task PushBlobsAsync(string host, string repository, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://{host}/") };
        foreach (var blob in _blobs)
        {
            using var start = await http.PostAsync(new Uri($"v2/{repository}/blobs/uploads/", UriKind.Relative), null, cancellationToken);
            start.EnsureSuccessStatusCode();
            using var content = new ByteArrayContent(blob);
            using var end = await http.PutAsync(new Uri($"{start.Headers.Location}&digest={Digest.Of(blob)}"), content, cancellationToken);
            end.EnsureSuccessStatusCode();
        }
    }

    public static async Task PutAsync(string host, string repository, string reference, RegistryManifest manifest, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://{host}/") };
        using var content = new ByteArrayContent(manifest.Bytes.ToArray()) { Headers = { ContentType = new MediaTypeHeaderValue(manifest.MediaType) } };
        using var response = await http.PutAsync(new Uri($"v2/{repository}/manifests/{reference}", UriKind.Relative), content, cancellationToken);
        response.IsSuccessStatusCode.ShouldBeTrue(await response.Content.ReadAsStringAsync(cancellationToken));
    }

    /// <summary>What a registry without access control holds, byte by byte: the manifest and every blob of it.</summary>
    public async Task ShouldBeAtAsync(string host, string repository, string reference, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://{host}/") };
        http.DefaultRequestHeaders.Accept.ParseAdd(Manifest.MediaType);
        (await http.GetByteArrayAsync(new Uri($"v2/{repository}/manifests/{reference}", UriKind.Relative), cancellationToken)).ShouldBe(Manifest.Bytes.ToArray());
        foreach (var blob in _blobs)
        {
            (await http.GetByteArrayAsync(new Uri($"v2/{repository}/blobs/{Digest.Of(blob)}", UriKind.Relative), cancellationToken))
                .AsSpan().SequenceEqual(blob).ShouldBeTrue();
        }
    }

    private static TestImage Create(IReadOnlyList<int> layerSizes, bool hasForeignLayer)
    {
        byte[][] layers = [.. layerSizes.Select(RandomNumberGenerator.GetBytes)];
        var config = Encoding.UTF8.GetBytes($$"""{"architecture":"amd64","os":"linux","made":"{{Convert.ToHexString(RandomNumberGenerator.GetBytes(8))}}"}""");
        List<object> descriptors = [.. layers.Select(layer => Descriptor(LayerType, layer))];
        if (hasForeignLayer)
        {
            descriptors.Add(new { mediaType = ForeignLayerType, digest = Digest.Of("elsewhere"u8).Value, size = 9, urls = new[] { "https://vendor.example/layer" } });
        }

        var manifest = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2,
            mediaType = MediaTypes.DockerManifest,
            config = Descriptor("application/vnd.docker.container.image.v1+json", config),
            layers = descriptors,
        });
        var image = new TestImage(RegistryManifest.Parse(manifest, MediaTypes.DockerManifest));
        image._blobs.AddRange([config, .. layers]);
        return image;
    }

    private static object Descriptor(string mediaType, byte[] blob) => new { mediaType, digest = Digest.Of(blob).Value, size = blob.Length };
}
