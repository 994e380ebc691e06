using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>An answer of GitLab, read to its end.</summary>
internal sealed record GitLabAnswer(HttpStatusCode Status, byte[] Body, Uri? Next);

/// <summary>
/// Requests to GitLab's API with the token, limits and the few short retries: three tries for a GET that GitLab could not answer. Whoever
/// needs to wait longer does so with <see cref="GitLabException.RetryAfter"/>.
/// </summary>
/// <param name="pace">Waited for before each request; null: nothing holds the requests up.</param>
internal sealed class GitLabTransport(HttpClient http, GitLabSettings settings, TimeProvider time, GitLabPace? pace)
{
    private const int MaxTries = 3;

    /// <summary>How often one request of a paced series may be answered with 429.</summary>
    private const int MaxRefusals = 8;
    private const int MaxRedirects = 3;
    private const int MaxJsonBytes = 8 * 1024 * 1024;
    private const int MaxErrorBytes = 16 * 1024;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestOwnWait = TimeSpan.FromSeconds(2);
    private static readonly ProductInfoHeaderValue UserAgent = new("ReleaseBot",
        typeof(GitLabTransport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0");

    private readonly Uri _api = new(settings.Url.AbsoluteUri.TrimEnd('/') + "/api/v4/");

    /// <summary>The same requests, at a pace.</summary>
    public GitLabTransport At(GitLabPace slower) => new(http, settings, time, slower);

    /// <summary>An absolute address below the API's, from a path whose parts are already escaped.</summary>
    public Uri At(string path) => new(_api, path);

    /// <summary>GETs JSON. Null for a 404.</summary>
    public async Task<T?> FindAsync<T>(Uri url, string what, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        var answer = await GetAsync(url, what, "read_api", MaxJsonBytes, null, cancellationToken);
        return answer is null ? null : Read(answer.Body, what, type);
    }

    /// <summary>GETs a page of a list and the address of the next one. A 404 is an error here.</summary>
    public async Task<(T Items, Uri? Next)> GetPageAsync<T>(
        Uri url, string what, JsonTypeInfo<T> type, ConditionalCache? cache, CancellationToken cancellationToken)
        where T : class
    {
        var answer = await GetAsync(url, what, "read_api", MaxJsonBytes, cache, cancellationToken)
            ?? throw new GitLabException(GitLabFault.NotFound, $"GitLab has not found {what} (404), or the token may not see it.");
        return (Read(answer.Body, what, type), answer.Next);
    }

    /// <summary>GETs up to so many bytes. Null for a 404.</summary>
    /// <param name="cache">Null: the whole answer is wanted.</param>
    public Task<GitLabAnswer?> GetAsync(Uri url, string what, string scope, int maxBytes, ConditionalCache? cache, CancellationToken cancellationToken) =>
        TryAsync<GitLabAnswer?>(async () =>
        {
            using var timeout = new CancellationTokenSource(Timeout, time);
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            try
            {
                var known = cache?.Find(url);
                using var response = await FollowAsync(url, known?.Tag, linked.Token);
                if (response.StatusCode == HttpStatusCode.NotFound)
                {
                    return null;
                }

                if (known is { } unchanged && response.StatusCode == HttpStatusCode.NotModified)
                {
                    return unchanged.Answer;
                }

                await EnsureSuccessAsync(response, what, scope, linked.Token);
                var answer = new GitLabAnswer(response.StatusCode, await ReadAsync(response, what, maxBytes, linked.Token), NextPage(response));
                if (response.Headers.ETag is { } tag)
                {
                    cache?.Keep(url, tag.ToString(), answer);
                }

                return answer;
            }
            catch (Exception e) when (IsOutage(e, cancellationToken))
            {
                throw Unavailable(what, e);
            }
        }, cancellationToken);

    /// <summary>GETs a body as a stream; the caller disposes of the response. 429 is told as it came.</summary>
    public Task<HttpResponseMessage> OpenAsync(Uri url, string what, CancellationToken cancellationToken) =>
        TryAsync(async () =>
        {
            using var timeout = new CancellationTokenSource(HeadersTimeout, time);
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            HttpResponseMessage? response = null;
            try
            {
                response = await FollowAsync(url, null, linked.Token);
                if (response.StatusCode != HttpStatusCode.TooManyRequests)
                {
                    await EnsureSuccessAsync(response, what, "read_api", linked.Token);
                }

                var opened = response;
                response = null;
                return opened;
            }
            catch (Exception e) when (IsOutage(e, cancellationToken))
            {
                throw Unavailable(what, e);
            }
            finally
            {
                response?.Dispose();
            }
        }, cancellationToken);

    /// <summary>Sends JSON once, without a retry. Gives back the refusals for which <paramref name="isExpected"/>; throws for the others.</summary>
    public async Task<GitLabAnswer> SendAsync<T>(
        HttpMethod method, Uri url, string what, T content, JsonTypeInfo<T> type, Func<HttpStatusCode, bool> isExpected, CancellationToken cancellationToken)
    {
        await EnterAsync(cancellationToken);
        using var timeout = new CancellationTokenSource(Timeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using var request = Request(method, url);
            request.Content = JsonContent.Create(content, type);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, linked.Token);
            pace?.Observe(response);
            if (!isExpected(response.StatusCode))
            {
                await EnsureSuccessAsync(response, what, "api", linked.Token);
            }

            return new GitLabAnswer(response.StatusCode, await ReadAsync(response, what, MaxJsonBytes, linked.Token), null);
        }
        catch (Exception e) when (IsOutage(e, cancellationToken))
        {
            throw Unavailable(what, e);
        }
    }

    private async Task<T> TryAsync<T>(Func<Task<T>> get, CancellationToken cancellationToken)
    {
        var refusals = 0;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await EnterAsync(cancellationToken);
                return await get();
            }
            catch (GitLabException e) when (pace is not null && e.IsRateLimited && ++refusals <= MaxRefusals)
            {
                pace.Refused(e.RetryAfter);
                attempt--;
            }
            catch (GitLabException e) when (e.Fault == GitLabFault.Unavailable && attempt < MaxTries && !(e.RetryAfter > LongestOwnWait))
            {
                var pause = TimeSpan.FromMilliseconds(200 * (1 << attempt) * (0.5 + Random.Shared.NextDouble()));
                await Task.Delay(e.RetryAfter > pause ? e.RetryAfter.Value : pause, time, cancellationToken);
            }
        }
    }

    /// <summary>Before the timeout begins: waiting for our turn is not GitLab's being slow.</summary>
    private Task EnterAsync(CancellationToken cancellationToken) => pace?.TakeAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>GitLab redirects the old path of a moved project. Only an address of the same API is followed: the token goes along.</summary>
    private async Task<HttpResponseMessage> FollowAsync(Uri url, string? knownTag, CancellationToken cancellationToken)
    {
        for (var redirects = 0; ; redirects++)
        {
            using var request = Request(HttpMethod.Get, url);
            if (knownTag is not null)
            {
                request.Headers.TryAddWithoutValidation("If-None-Match", knownTag);
            }

            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            pace?.Observe(response);
            var isRedirect = (int)response.StatusCode is 301 or 302 or 303 or 307 or 308;
            if (!isRedirect || redirects == MaxRedirects || response.Headers.Location is not { } location || !IsOurs(new Uri(url, location)))
            {
                return response;
            }

            response.Dispose();
            url = new Uri(url, location);
        }
    }

    private HttpRequestMessage Request(HttpMethod method, Uri url)
    {
        var request = new HttpRequestMessage(method, url);
        request.Headers.UserAgent.Add(UserAgent);
        if (settings.Token is { } token)
        {
            request.Headers.TryAddWithoutValidation("PRIVATE-TOKEN", token.Reveal().Trim());
        }

        return request;
    }

    private async Task EnsureSuccessAsync(HttpResponseMessage response, string what, string scope, CancellationToken cancellationToken)
    {
        if (!response.IsSuccessStatusCode)
        {
            var body = await ReadStartAsync(response, cancellationToken);
            throw GitLabFaults.From(response, body, what, scope, time, settings.Token);
        }
    }

    private Uri? NextPage(HttpResponseMessage response)
    {
        if (!response.Headers.TryGetValues("Link", out var links) || LinkHeader.Next(links) is not { } next)
        {
            return null;
        }

        return Uri.TryCreate(_api, next, out var url) && IsOurs(url)
            ? url
            : throw new GitLabException(GitLabFault.Unexpected,
                $"GitLab names its next page at another address than {_api}: GitLab:Url must be the address that GitLab gives itself (its external_url).");
    }

    private bool IsOurs(Uri url) =>
        url.Scheme == _api.Scheme && url.Host == _api.Host && url.Port == _api.Port && url.UserInfo.Length == 0
        && url.AbsolutePath.StartsWith(_api.AbsolutePath, StringComparison.Ordinal);

    private static T Read<T>(byte[] body, string what, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(body, type) ?? throw NoSense(what, null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw NoSense(what, e);
        }
    }

    private static GitLabException NoSense(string what, Exception? cause) => new(GitLabFault.Unexpected,
        $"The answer for {what} is not what GitLab's API would say: does GitLab:Url name a GitLab?", innerException: cause);

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, string what, int maxBytes, CancellationToken cancellationToken)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var bytes = await ReadUpToAsync(body, maxBytes + 1, cancellationToken);
        return bytes.Length <= maxBytes
            ? bytes
            : throw new GitLabException(GitLabFault.Unexpected, $"The answer for {what} is longer than {maxBytes} bytes.");
    }

    private static async Task<byte[]> ReadStartAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        return await ReadUpToAsync(body, MaxErrorBytes, cancellationToken);
    }

    private static async Task<byte[]> ReadUpToAsync(Stream body, int maxBytes, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[Math.Min(maxBytes, 64 * 1024)];
        while (bytes.Length < maxBytes)
        {
            var wanted = (int)Math.Min(buffer.Length, maxBytes - bytes.Length);
            var read = await body.ReadAsync(buffer.AsMemory(0, wanted), cancellationToken);
            if (read == 0)
            {
                break;
            }

            bytes.Write(buffer, 0, read);
        }

        return bytes.ToArray();
    }

    /// <summary>A fault of the network or a timeout of ours, not a caller who gave up.</summary>
    private static bool IsOutage(Exception e, CancellationToken cancellationToken) =>
        e is HttpRequestException or IOException || e is OperationCanceledException && !cancellationToken.IsCancellationRequested;

    private static GitLabException Unavailable(string what, Exception cause) => new(GitLabFault.Unavailable, cause switch
    {
        OperationCanceledException => $"GitLab did not answer in time for {what}.",
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } =>
            $"No trusted connection to GitLab for {what}: a private certificate authority belongs in GitLab:CaFile. ({Innermost(cause)})",
        _ => $"GitLab can't be reached for {what}: {Innermost(cause)}",
    }, innerException: cause);

    private static string Innermost(Exception e) => Printable.Text(e.GetBaseException().Message, 300);
}
