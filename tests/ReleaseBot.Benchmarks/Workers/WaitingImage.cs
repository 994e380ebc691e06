using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ReleaseBot.Benchmarks.Workers;

/// <summary>An image that nobody built: one small layer, the same for all, and a config of its own. A registry takes it as any other.</summary>
internal sealed class WaitingImage
{
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";

    private static readonly (byte[] Packed, string DiffId) Layer = MakeLayer();

    private readonly byte[] _config;
    private readonly byte[] _manifest;

    private WaitingImage(byte[] config)
    {
        _config = config;
        Id = DigestOf(config);
        _manifest = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2,
            mediaType = ManifestType,
            config = new { mediaType = "application/vnd.docker.container.image.v1+json", size = config.Length, digest = Id },
            layers = new[] { new { mediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip", size = Layer.Packed.Length, digest = DigestOf(Layer.Packed) } },
        });
    }

    /// <summary>The config's digest, as with an engine's image.</summary>
    public string Id { get; }

    public int ManifestBytes => _manifest.Length;

    /// <param name="labels">As in the build's query.</param>
    public static WaitingImage Create(string name, string labels) => new(JsonSerializer.SerializeToUtf8Bytes(new
    {
        architecture = "amd64",
        os = "linux",
        config = new { Labels = labels.Length == 0 ? new JsonObject() : JsonNode.Parse(labels) },
        rootfs = new { type = "layers", diff_ids = new[] { Layer.DiffId } },
        history = new[] { new { created_by = name } },
    }));

    /// <param name="repository">With the registry's host.</param>
    /// <returns>The manifest's digest.</returns>
    public async Task<string> PushAsync(HttpClient http, string repository, string tag, CancellationToken cancellationToken)
    {
        var slash = repository.IndexOf('/', StringComparison.Ordinal);
        var address = $"http://{repository[..slash]}/v2/{repository[(slash + 1)..]}";
        await PutBlobAsync(http, address, Layer.Packed, cancellationToken);
        await PutBlobAsync(http, address, _config, cancellationToken);
        using var content = new ByteArrayContent(_manifest) { Headers = { ContentType = new MediaTypeHeaderValue(ManifestType) } };
        using var answer = await http.PutAsync($"{address}/manifests/{tag}", content, cancellationToken);
        answer.EnsureSuccessStatusCode();
        return DigestOf(_manifest);
    }

    private static async Task PutBlobAsync(HttpClient http, string address, byte[] blob, CancellationToken cancellationToken)
    {
        using var head = new HttpRequestMessage(HttpMethod.Head, $"{address}/blobs/{DigestOf(blob)}");
        using var found = await http.SendAsync(head, cancellationToken);
        if (found.StatusCode == HttpStatusCode.OK)
        {
            return;
        }

        using var begun = (await http.PostAsync($"{address}/blobs/uploads/", null, cancellationToken)).EnsureSuccessStatusCode();
        var upload = new UriBuilder(begun.Headers.Location!);
        upload.Query = $"{upload.Query.TrimStart('?')}&digest={Uri.EscapeDataString(DigestOf(blob))}";
        using var content = new ByteArrayContent(blob) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } };
        using var put = (await http.PutAsync(upload.Uri, content, cancellationToken)).EnsureSuccessStatusCode();
    }

    private static (byte[] Packed, string DiffId) MakeLayer()
    {
        using var plain = new MemoryStream();
        using (var tar = new TarWriter(plain, TarEntryFormat.Ustar, leaveOpen: true))
        {
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "greeting") { DataStream = new MemoryStream("hello\n"u8.ToArray()) });
        }

        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(plain.ToArray());
        }

        return (packed.ToArray(), DigestOf(plain.ToArray()));
    }

    private static string DigestOf(byte[] bytes) => string.Create(CultureInfo.InvariantCulture, $"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}");
}
