using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ReleaseBot.Engine.Connection;

/// <summary>
/// The calls of the Engine API that Docker.DotNet does not offer: builds with their session, cancelling them, the build cache, and pushes whose
/// errors can be sorted. Paths carry no version, so that each engine speaks its newest.
/// </summary>
internal sealed class EngineClient : IDisposable
{
    private const int LongestHead = 16 * 1024;

    private readonly EngineDialer _dialer;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;

    public EngineClient(EngineDialer dialer, TimeProvider time)
    {
        (_dialer, _time) = (dialer, time);
        Handler = new SocketsHttpHandler
        {
            ConnectCallback = (_, cancellationToken) => dialer.DialAsync(cancellationToken),
            UseProxy = false,
            AllowAutoRedirect = false,
            // Calls are few and long. One connection each: none goes stale, and a renewed certificate counts at once.
            PooledConnectionLifetime = TimeSpan.Zero,
        };
        // Limits are set per call: a build has none but the caller's.
        _http = new HttpClient(Handler, disposeHandler: true) { BaseAddress = dialer.HttpAddress, Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>The same way to the engine, for Docker.DotNet.</summary>
    public SocketsHttpHandler Handler { get; }

    /// <summary>Sends and waits for the head of the answer.</summary>
    /// <exception cref="EngineRefusedException">The engine answered 400 or above.</exception>
    /// <exception cref="EngineUnavailableException">No answer came.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent? content, IEnumerable<KeyValuePair<string, string>> headers, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content, Version = HttpVersion.Version11 };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (Exception fault) when (IsConnectionFault(fault))
        {
            throw Unavailable(fault);
        }

        if ((int)response.StatusCode < 400)
        {
            return response;
        }

        using (response)
        {
            throw new EngineRefusedException((int)response.StatusCode, await ReadErrorAsync(response, cancellationToken));
        }
    }

    /// <summary>A short call with a short answer, within <paramref name="limit"/>.</summary>
    public Task<JsonElement> PostAsync(string path, TimeSpan limit, CancellationToken cancellationToken) =>
        LimitAsync(limit, async token =>
        {
            using var response = await SendAsync(HttpMethod.Post, path, content: null, [], token);
            var text = await response.Content.ReadAsStringAsync(token);
            return text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
        }, cancellationToken);

    /// <summary>The answer's JSON objects, one a line, as they come.</summary>
    /// <exception cref="EngineUnavailableException">The stream broke off.</exception>
    public async IAsyncEnumerable<JsonElement> ReadMessagesAsync(HttpResponseMessage response, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken), Encoding.UTF8, false, 1 << 16);
        while (true)
        {
            JsonElement message;
            try
            {
                var line = await reader.ReadLineAsync(cancellationToken);
                if (line is null)
                {
                    yield break;
                }

                if (line.Length == 0)
                {
                    continue;
                }

                message = JsonSerializer.Deserialize<JsonElement>(line);
            }
            catch (Exception fault) when (IsConnectionFault(fault) || fault is JsonException)
            {
                throw Unavailable(fault);
            }

            yield return message;
        }
    }

    /// <summary>
    /// Turns a request into a stream both sides may write to. By hand, since HttpClient folds repeated headers into one line, which the engine's
    /// Go does not take apart.
    /// </summary>
    public Task<Stream> UpgradeAsync(
        string path, string protocol, IEnumerable<KeyValuePair<string, string>> headers, TimeSpan limit, CancellationToken cancellationToken) =>
        LimitAsync(limit, async token =>
        {
            Stream? stream = null;
            try
            {
                stream = await _dialer.DialAsync(token);
                await stream.WriteAsync(UpgradeRequest(path, protocol, headers), token);
                var head = await ReadHeadAsync(stream, token);
                var status = StatusOf(head);
                return status == 101 ? stream : throw new EngineRefusedException(status, $"The engine does not upgrade /{path} to {protocol}: {head.Split('\r')[0]}");
            }
            catch (Exception fault)
            {
                if (stream is not null)
                {
                    await stream.DisposeAsync();
                }

                if (IsConnectionFault(fault))
                {
                    throw Unavailable(fault);
                }

                throw;
            }
        }, cancellationToken);

    /// <summary>Runs one call within a limit; beyond it the engine counts as away.</summary>
    public async Task<T> LimitAsync<T>(TimeSpan limit, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(limit, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await call(linked.Token);
        }
        catch (OperationCanceledException fault) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Unavailable(new TimeoutException($"no answer within {limit.TotalSeconds:0} seconds", fault));
        }
    }

    public EngineUnavailableException Unavailable(Exception fault) => new($"The engine at {_dialer.Name} does not answer: {_dialer.Explain(fault)}", fault);

    public static bool IsConnectionFault(Exception fault) =>
        fault is HttpRequestException or IOException or System.Net.Sockets.SocketException or AuthenticationException or CryptographicException
            or UnauthorizedAccessException;

    public void Dispose() => _http.Dispose();

    private static byte[] UpgradeRequest(string path, string protocol, IEnumerable<KeyValuePair<string, string>> headers)
    {
        var request = new StringBuilder()
            .Append("POST /").Append(path).Append(" HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: ").Append(protocol)
            .Append("\r\nContent-Length: 0\r\n");
        foreach (var (name, value) in headers)
        {
            request.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        return Encoding.ASCII.GetBytes(request.Append("\r\n").ToString());
    }

    /// <summary>Byte by byte: after a 101 the engine speaks at once, and what it says belongs to whoever gets the stream.</summary>
    private static async Task<string> ReadHeadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (head.Length < LongestHead && !(head.Length >= 4 && head.ToString(head.Length - 4, 4) == "\r\n\r\n"))
        {
            if (await stream.ReadAsync(one, cancellationToken) == 0)
            {
                throw new IOException("The engine closed the connection during the upgrade.");
            }

            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    private static int StatusOf(string head) =>
        head.Length > 12 && head.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) && int.TryParse(head.AsSpan(9, 3), out var status) ? status : 502;

    private static async Task<string> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.Text("message") is { } message)
            {
                return message;
            }
        }
        catch (JsonException)
        {
            // Not every front of an engine answers in JSON; then its text has to do.
        }

        text = text.Trim();
        return text.Length == 0 ? $"status {(int)response.StatusCode}" : text[..Math.Min(text.Length, 500)];
    }
}
