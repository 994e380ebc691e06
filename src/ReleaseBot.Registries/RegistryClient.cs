using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Polly;
using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>
/// One registry, through the OCI distribution API (https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md).
/// Repositories are names below the host, e.g. <c>team/app</c>; a reference is a tag or a digest. Everything here may be called again, and
/// is tried again by itself where the fault may pass; what fails is a <see cref="RegistryException"/>. Safe for use by many at once.
/// </summary>
public sealed class RegistryClient : IDisposable
{
    private readonly RegistryTransport _transport;
    private readonly RegistryLimits _limits;

    public RegistryClient(RegistrySettings registry, TrustedRealms realms, TimeProvider time, ILogger<RegistryClient> logger)
        : this(registry, realms, time, logger, RegistryLimits.Default)
    {
    }

    internal RegistryClient(
        RegistrySettings registry, TrustedRealms realms, TimeProvider time, ILogger<RegistryClient> logger, RegistryLimits limits)
        : this(registry, realms, time, logger, limits, RegistryHandler.Create(registry, limits))
    {
    }

    /// <param name="handler">The way to the registry; the client disposes it.</param>
    internal RegistryClient(
        RegistrySettings registry, TrustedRealms realms, TimeProvider time, ILogger<RegistryClient> logger, RegistryLimits limits, HttpMessageHandler handler)
    {
        Name = registry.Name;
        Host = registry.Host;
        _limits = limits;
        _transport = new RegistryTransport(registry, realms, limits, time, handler);
        Retries = Registries.Retries.Create(limits, time, logger);
        Blobs = new RegistryBlobs(_transport, limits, time);
    }

    /// <summary>The registry's key in the configuration.</summary>
    public string Name { get; }

    /// <summary>Its host as configured, e.g. <c>docker.io</c>.</summary>
    public string Host { get; }

    internal RegistryBlobs Blobs { get; }

    internal ResiliencePipeline Retries { get; }

    internal RegistryLimits Limits => _limits;

    /// <summary>The manifest that a tag or digest names; null where there is none. Its bytes are checked against the digest.</summary>
    public async Task<RegistryManifest?> GetManifestAsync(string repository, string reference, CancellationToken cancellationToken)
    {
        var request = ManifestRequest(HttpMethod.Get, repository, reference, "read the manifest");
        return await Retries.ExecuteAsync(async token => await ReadManifestAsync(request, reference, token), cancellationToken);
    }

    /// <summary>The digest that a tag names, or the digest itself where it exists; null where there is none.</summary>
    public async Task<Digest?> HeadManifestAsync(string repository, string reference, CancellationToken cancellationToken)
    {
        var request = ManifestRequest(HttpMethod.Head, repository, reference, "look for the manifest");
        var (isMissing, digest) = await Retries.ExecuteAsync(
            async token =>
            {
                using var response = await _transport.SendAsync(request, token);
                return (response.StatusCode == HttpStatusCode.NotFound, DigestHeader(response));
            },
            cancellationToken);
        if (isMissing)
        {
            return null;
        }

        // Some registries leave the header out, and some do not know HEAD.
        digest ??= (await GetManifestAsync(repository, reference, cancellationToken))?.Digest;
        return digest is null || !Digest.TryParse(reference, out var asked) || digest == asked
            ? digest
            : throw _transport.Failures.Corrupt(request, $"the registry answers with {digest}");
    }

    /// <summary>Puts a manifest under a tag or its own digest, byte for byte; all it points to must be there already.</summary>
    /// <returns>The digest, as the registry confirms it.</returns>
    public async Task<Digest> PutManifestAsync(string repository, string reference, RegistryManifest manifest, CancellationToken cancellationToken)
    {
        var request = ManifestRequest(HttpMethod.Put, repository, reference, "put the manifest") with
        {
            Answers = [],
            Limit = _limits.PutManifest,
            Content = _ => new ReadOnlyMemoryContent(manifest.Bytes) { Headers = { ContentType = new MediaTypeHeaderValue(manifest.MediaType) } },
        };
        var confirmed = await Retries.ExecuteAsync(
            async token =>
            {
                using var response = await _transport.SendAsync(request, token);
                return DigestHeader(response);
            },
            cancellationToken);
        confirmed ??= await HeadManifestAsync(repository, reference, cancellationToken);
        return confirmed == manifest.Digest
            ? confirmed
            : throw _transport.Failures.Corrupt(request, $"the registry holds {confirmed?.Value ?? "nothing"} and not {manifest.Digest}");
    }

    /// <summary>All tags of a repository, in the registry's order; none where the repository does not exist.</summary>
    public async IAsyncEnumerable<string> ListTagsAsync(string repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var address = $"v2/{Checked(repository)}/tags/list?n={_limits.TagPage}";
        HashSet<string> asked = new(StringComparer.Ordinal);
        var count = 0;
        while (true)
        {
            var request = new RegistryRequest
            {
                Method = HttpMethod.Get,
                Address = address,
                Repository = repository,
                What = "list the tags",
                Scope = Scopes.Of(repository),
                Accept = ["application/json"],
                Answers = [HttpStatusCode.NotFound],
            };
            if (!asked.Add(address) || asked.Count > _limits.TagPages)
            {
                throw _transport.Failures.Corrupt(request, "its pages go round without end");
            }

            var (tags, next) = await Retries.ExecuteAsync(async token => await ReadTagsAsync(request, token), cancellationToken);
            count += tags.Count;
            if (count > _limits.Tags)
            {
                throw _transport.Failures.Refused(request, $"there are more than {_limits.Tags}");
            }

            foreach (var tag in tags)
            {
                yield return tag;
            }

            if (next is null)
            {
                yield break;
            }

            address = next;
        }
    }

    /// <summary>May the configured user push there? Starts an upload and ends it again; nothing stays.</summary>
    public async Task CheckPushAsync(string repository, CancellationToken cancellationToken)
    {
        Checked(repository);
        var session = await Retries.ExecuteAsync(async token => await Blobs.BeginAsync(repository, token), cancellationToken);
        await Blobs.TryAbortAsync(session);
    }

    /// <summary>Does the registry say anything at all? A refusal will do.</summary>
    /// <exception cref="RegistryException">It takes connections and answers nothing.</exception>
    public Task PingAsync(CancellationToken cancellationToken) => _transport.PingAsync(cancellationToken);

    public void Dispose() => _transport.Dispose();

    /// <summary>Keeps a name from becoming another address.</summary>
    internal static string Checked(string repository) =>
        ImageRepository.IsLegalName(repository) ? repository : throw new ArgumentException("Not the name of a repository.", nameof(repository));

    internal RegistryException Missing(string repository, Digest manifest) => _transport.Failures.Corrupt(
        ManifestRequest(HttpMethod.Get, repository, manifest.Value, "read the manifest"), "an index names it, and it is not there");

    private static RegistryRequest ManifestRequest(HttpMethod method, string repository, string reference, string what) => new()
    {
        Method = method,
        Address = ImageTag.IsLegal(reference) || Digest.TryParse(reference, out _)
            ? $"v2/{Checked(repository)}/manifests/{reference}"
            : throw new ArgumentException("Neither a tag nor a digest.", nameof(reference)),
        Repository = repository,
        What = $"{what} {reference}",
        Scope = Scopes.Of(repository),
        Accept = MediaTypes.Manifests,
        Answers = method == HttpMethod.Head ? [HttpStatusCode.NotFound, HttpStatusCode.MethodNotAllowed] : [HttpStatusCode.NotFound],
    };

    private static Digest? DigestHeader(HttpResponseMessage response) =>
        response.Headers.NonValidated.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.FirstOrDefault(), out var digest)
            ? digest
            : null;

    private async Task<RegistryManifest?> ReadManifestAsync(RegistryRequest request, string reference, CancellationToken cancellationToken)
    {
        using var response = await _transport.SendAsync(request, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        var bytes = await _transport.ReadAsync(request, response, _limits.ManifestBytes, cancellationToken);
        var digest = Digest.Of(bytes);
        var promised = Digest.TryParse(reference, out var asked) ? asked : DigestHeader(response);
        if (promised is not null && promised != digest)
        {
            throw _transport.Failures.Corrupt(request, $"its bytes are {digest} and not {promised}");
        }

        try
        {
            return RegistryManifest.Parse(bytes, response.Content.Headers.ContentType?.MediaType);
        }
        catch (FormatException exception)
        {
            throw _transport.Failures.Corrupt(request, exception.Message, exception);
        }
    }

    private async Task<(IReadOnlyList<string> Tags, string? Next)> ReadTagsAsync(RegistryRequest request, CancellationToken cancellationToken)
    {
        using var response = await _transport.SendAsync(request, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return ([], null);
        }

        var tags = TagPage.Read(await _transport.ReadAsync(request, response, _limits.TagPageBytes, cancellationToken))
            ?? throw _transport.Failures.Corrupt(request, "the answer is not a list of tags");
        var link = response.Headers.NonValidated.TryGetValues("Link", out var links) ? TagPage.Next(links) : null;
        return (tags, link is null ? null : NextPage(request, link));
    }

    /// <summary>The next page belongs to the registry itself, or our credentials would be asked for elsewhere.</summary>
    private string NextPage(RegistryRequest request, string link) =>
        Uri.TryCreate(new Uri(_transport.Root, request.Address), link, out var next) && _transport.IsOwn(next)
            ? next.AbsoluteUri
            : throw _transport.Failures.Corrupt(request, "the next page of tags lies elsewhere");
}
