using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ReleaseBot.StandIns.Registry;
using Xunit;

namespace ReleaseBot.EndToEnd.Parts;

/// <summary>Asks a registry itself, past every proxy and past the code under test.</summary>
internal sealed class RegistryView(DockerRegistry registry, TokenServer? tokens) : IDisposable
{
    private static readonly string[] ManifestTypes =
    [
        "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
    ];

    private readonly HttpClient _http = new();

    private static AuthenticationHeaderValue Basic =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{DockerRegistry.Username}:{DockerRegistry.Password}")));

    /// <summary>Null where there is no such tag.</summary>
    public async Task<string?> DigestAsync(string repository, string tag)
    {
        using var response = await SendAsync(HttpMethod.Head, repository, $"manifests/{tag}");
        return response.StatusCode == HttpStatusCode.NotFound ? null : response.EnsureSuccessStatusCode().Headers.GetValues("Docker-Content-Digest").Single();
    }

    /// <summary>The image's config, as text.</summary>
    public async Task<string> ConfigAsync(string repository, string tag)
    {
        var manifest = JsonDocument.Parse(await TextAsync(repository, $"manifests/{tag}"));
        return await TextAsync(repository, $"blobs/{manifest.RootElement.GetProperty("config").GetProperty("digest").GetString()}");
    }

    /// <summary>Points a tag to what another one points to, as a stranger would.</summary>
    public async Task TagAsync(string repository, string from, string to)
    {
        using var manifest = await SendAsync(HttpMethod.Get, repository, $"manifests/{from}");
        using var content = new ByteArrayContent(await manifest.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        content.Headers.ContentType = manifest.Content.Headers.ContentType;
        using var response = await SendAsync(HttpMethod.Put, repository, $"manifests/{to}", content);
        response.EnsureSuccessStatusCode();
    }

    public void Dispose() => _http.Dispose();

    private async Task<string> TextAsync(string repository, string path)
    {
        using var response = await SendAsync(HttpMethod.Get, repository, path);
        return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string repository, string path, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, $"http://{registry.Host}/v2/{repository}/{path}") { Content = content };
        request.Headers.Authorization = tokens is null ? Basic : new AuthenticationHeaderValue("Bearer", await TokenAsync(tokens, repository));
        request.Headers.Accept.ParseAdd(string.Join(", ", ManifestTypes));
        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<string> TokenAsync(TokenServer server, string repository)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{server.Realm}?service={TokenServer.Service}&scope=repository:{repository}:pull,push");
        request.Headers.Authorization = Basic;
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var answer = JsonDocument.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return answer.RootElement.GetProperty("token").GetString()!;
    }
}
