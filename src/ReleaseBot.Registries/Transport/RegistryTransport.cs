using System.Net;
using System.Net.Http.Headers;
using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>
/// Sends a request once: with the credentials that the registry asks for, to the registry's own origin only, along redirects, within its
/// limits. What is not an answer to the request becomes a <see cref="RegistryException"/>.
/// </summary>
internal sealed class RegistryTransport : IDisposable
{
    private static readonly ProductInfoHeaderValue UserAgent =
        new("ReleaseBot", typeof(RegistryTransport).Assembly.GetName().Version?.ToString(3) ?? "0");

    private readonly HttpMessageInvoker _http;
    private readonly RegistryTokens _tokens;
    private readonly Silences _silences;
    private readonly RegistryLimits _limits;
    private readonly TimeProvider _time;

    public RegistryTransport(RegistrySettings registry, TrustedRealms realms, RegistryLimits limits, TimeProvider time, HttpMessageHandler handler)
    {
        Root = RegistryAddress.Of(registry);
        if (!RegistryAddress.IsPrivate(Root))
        {
            throw new ArgumentException($"Registries:{registry.Name}:Insecure is legal for loopback hosts only.", nameof(registry));
        }

        Failures = new Failures(registry, time);
        _limits = limits;
        _time = time;
        _http = new HttpMessageInvoker(handler);
        _silences = new Silences(_http, limits, time);
        _tokens = new RegistryTokens(registry, realms, _http, Failures, _silences, limits, time);
    }

    public Uri Root { get; }

    public Failures Failures { get; }

    /// <summary>The answer: 2xx, or one of the request's own statuses. Its body is not read yet; the caller disposes it.</summary>
    public async Task<HttpResponseMessage> SendAsync(RegistryRequest request, CancellationToken cancellationToken)
    {
        var address = new Uri(Root, request.Address);
        for (var hop = 0; ; hop++)
        {
            var response = await SendToAsync(request, address, cancellationToken);
            if (response.IsSuccessStatusCode || request.Answers.Contains(response.StatusCode))
            {
                return response;
            }

            using (response)
            {
                if (!IsRedirect(request, response))
                {
                    var error = await Bodies.ReadErrorAsync(response, _limits, _time, cancellationToken);
                    throw Failures.Answered(request, response, error, elsewhere: !IsOwn(address));
                }

                address = hop < _limits.Redirects ? Resolve(request, address, response) : throw Failures.Refused(request, "it redirects without end");
            }
        }
    }

    /// <summary>A whole small body.</summary>
    public async Task<byte[]> ReadAsync(RegistryRequest request, HttpResponseMessage response, int limit, CancellationToken cancellationToken)
    {
        using var watchdog = new Watchdog(_limits.SmallBody, _time, cancellationToken);
        try
        {
            return await Bodies.ReadAsync(response, limit, watchdog.Token)
                ?? throw Failures.Refused(request, $"the answer is larger than {limit} bytes");
        }
        catch (OperationCanceledException exception) when (watchdog.HasBitten)
        {
            throw _silences.Begin(response.RequestMessage?.RequestUri, Failures.TimedOut(Failures.About(request), watchdog.Limit, exception));
        }
        catch (Exception exception) when (Transient.IsNetwork(exception))
        {
            throw Failures.Unreachable(Failures.About(request), exception);
        }
    }

    /// <summary>A large body, as it comes. The stream owns the response.</summary>
    public async Task<Stream> OpenAsync(RegistryRequest request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        return new BlobStream(body, response, request, Failures, _silences, _limits.Inactivity, _time);
    }

    /// <summary>
    /// An address that the registry answered with, relative to the one asked or absolute. It may lie elsewhere, where it gets no
    /// credentials, but never where others can listen.
    /// </summary>
    public Uri Resolve(RegistryRequest request, Uri asked, HttpResponseMessage response)
    {
        // The parsed header would have lost what makes an odd address odd.
        var location = response.Headers.NonValidated.TryGetValues("Location", out var values) ? values.FirstOrDefault() : null;
        if (location is null || !Uri.TryCreate(asked, location, out var target))
        {
            throw Failures.Corrupt(request, "the answer has no Location that can be read");
        }

        return target.Scheme == Uri.UriSchemeHttps || (asked.Scheme == Uri.UriSchemeHttp && RegistryAddress.IsPrivate(target))
            ? target
            : throw Failures.Refused(request, $"it points to {target.Scheme}://{target.Authority}, which is not encrypted; a registry behind a proxy needs X-Forwarded-Proto");
    }

    public Task PingAsync(CancellationToken cancellationToken) => _silences.PingAsync(new Uri(Root, "v2/"), $"{Root.Authority}: could not ask for anything", cancellationToken);

    public bool IsOwn(Uri address) => RegistryAddress.IsSameOrigin(address, Root);

    public void Dispose()
    {
        _silences.Dispose();
        _tokens.Dispose();
        _http.Dispose();
    }

    private async Task<HttpResponseMessage> SendToAsync(RegistryRequest request, Uri address, CancellationToken cancellationToken)
    {
        if (!IsOwn(address))
        {
            return await SendOnceAsync(request, address, null, cancellationToken);
        }

        var authorization = await _tokens.CurrentAsync(request.Scope, cancellationToken);
        var response = await SendOnceAsync(request, address, authorization, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized || !response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var challenges))
        {
            return response;
        }

        AuthenticationHeaderValue? fresh;
        try
        {
            fresh = await _tokens.AnswerAsync(Challenge.ParseAll(challenges), request, authorization, cancellationToken);
        }
        catch
        {
            response.Dispose();
            throw;
        }

        if (fresh is null)
        {
            return response;
        }

        response.Dispose();
        return await SendOnceAsync(request, address, fresh, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendOnceAsync(
        RegistryRequest request, Uri address, AuthenticationHeaderValue? authorization, CancellationToken cancellationToken)
    {
        _silences.ThrowIfSilent(address, Failures.About(request));
        using var watchdog = new Watchdog(request.Limit ?? _limits.Headers, _time, cancellationToken);
        using var message = new HttpRequestMessage(request.Method, address) { Content = request.Content?.Invoke(watchdog) };
        message.Headers.Authorization = authorization;
        message.Headers.UserAgent.Add(UserAgent);
        foreach (var type in request.Accept)
        {
            message.Headers.Accept.ParseAdd(type);
        }

        // Lets the registry say no before a layer is on its way.
        message.Headers.ExpectContinue = message.Content is BlobContent ? true : null;
        try
        {
            return await _http.SendAsync(message, watchdog.Token);
        }
        catch (OperationCanceledException exception) when (watchdog.HasBitten)
        {
            throw _silences.Begin(address, Failures.TimedOut(Failures.About(request), watchdog.Limit, exception, isSilence: message.Content is not BlobContent));
        }
        catch (Exception exception) when (Transient.IsNetwork(exception))
        {
            // While a blob is copied the other registry may be the one that failed.
            throw exception.InnerException as RegistryException ?? Failures.Unreachable(Failures.About(request), exception);
        }
    }

    private static bool IsRedirect(RegistryRequest request, HttpResponseMessage response) =>
        (request.Method == HttpMethod.Get || request.Method == HttpMethod.Head)
        && (int)response.StatusCode is 301 or 302 or 303 or 307 or 308;
}
