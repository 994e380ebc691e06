using System.Buffers;
using System.Collections.Concurrent;
using System.Net;

namespace ReleaseBot.StandIns.Registry;

/// <summary>
/// Stands between a client and a real registry on loopback, plain HTTP: passes everything on unchanged, the Host header too, counts it, and
/// does what a script says to the requests that it matches. Scripts are used in their order, each for so many requests.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    // What belongs to one connection and not to the message (RFC 9110 §7.6.1), and what the server writes itself.
    private static readonly HashSet<string> OfTheConnection = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Expect", "Date", "Server", "Content-Length",
    };

    private readonly Uri _target;
    private readonly List<Script> _scripts = [];
    private readonly ConcurrentQueue<ProxiedRequest> _requests = new();
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
    });

    private readonly WebApplication _app;

    private FaultProxy(string targetHost, int port)
    {
        _target = new Uri($"http://{targetHost}");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.AllowSynchronousIO = false;
        });
        _app = builder.Build();
        _app.Run(HandleAsync);
    }

    /// <summary>Where clients go instead of to the registry, e.g. <c>127.0.0.1:43210</c>.</summary>
    public string Host => new Uri(_app.Urls.First()).Authority;

    /// <summary>All that came, in order.</summary>
    public IReadOnlyList<ProxiedRequest> Requests => [.. _requests];

    /// <summary>How many requests the scripts still wait for. Zero says that all that was planned has happened.</summary>
    public int Pending
    {
        get
        {
            lock (_scripts)
            {
                return _scripts.Sum(script => script.Left);
            }
        }
    }

    /// <param name="targetHost">The registry, e.g. <c>127.0.0.1:5000</c>.</param>
    /// <param name="port">Zero for any free one.</param>
    public static async Task<FaultProxy> StartAsync(string targetHost, CancellationToken cancellationToken, int port = 0)
    {
        var proxy = new FaultProxy(targetHost, port);
        await proxy._app.StartAsync(cancellationToken);
        return proxy;
    }

    public void On(Func<ProxiedRequest, bool> when, ProxyFault fault, int times = 1)
    {
        lock (_scripts)
        {
            _scripts.Add(new Script(when, fault) { Left = times });
        }
    }

    /// <summary>Forgets the scripts; from now on everything passes.</summary>
    public void Heal()
    {
        lock (_scripts)
        {
            _scripts.Clear();
        }
    }

    /// <summary>Forgets the scripts and what came, as if it had just been started.</summary>
    public void Forget()
    {
        Heal();
        _requests.Clear();
    }

    public int Count(string method, string pathPart) => _requests.Count(request => request.Is(method, pathPart));

    public async ValueTask DisposeAsync()
    {
        // Not StopAsync: requests that hang on purpose would be waited for.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _http.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var request = new ProxiedRequest(
            context.Request.Method, context.Request.Path.Value ?? "/", context.Request.QueryString.Value ?? "",
            context.Request.Headers.Authorization is { Count: > 0 } authorization ? authorization.ToString() : null, context.Request.Host.Value ?? "");
        _requests.Enqueue(request);
        try
        {
            await DoAsync(context, request, Next(request));
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException)
        {
            // The registry is down, or the client has gone: either way there is nobody to explain it to.
            context.Abort();
        }
    }

    private ProxyFault? Next(ProxiedRequest request)
    {
        lock (_scripts)
        {
            var script = _scripts.FirstOrDefault(script => script.Left > 0 && script.When(request));
            if (script is null)
            {
                return null;
            }

            script.Left--;
            return script.Fault;
        }
    }

    private async Task DoAsync(HttpContext context, ProxiedRequest request, ProxyFault? fault)
    {
        var stop = context.RequestAborted;
        switch (fault)
        {
            case ProxyFault.Answer answer:
                await SwallowAsync(context, answer.AfterBytes);
                context.Response.StatusCode = answer.Status;
                foreach (var (name, value) in answer.Headers)
                {
                    context.Response.Headers[name] = value;
                }

                if (!HttpMethods.IsHead(context.Request.Method))
                {
                    await context.Response.WriteAsync(answer.Body, stop);
                }

                break;
            case ProxyFault.Cut cut:
                await SwallowAsync(context, cut.AfterBytes);
                context.Abort();
                break;
            case ProxyFault.Silence:
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
                break;
            case ProxyFault.Hold hold:
                await hold.Until.WaitAsync(stop);
                await PassAsync(context, null);
                break;
            case ProxyFault.Change change:
                await ChangeAsync(context, request, change);
                break;
            default:
                await PassAsync(context, fault);
                break;
        }
    }

    private async Task PassAsync(HttpContext context, ProxyFault? fault)
    {
        var stop = context.RequestAborted;
        using var answer = await ForwardAsync(context);
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, value) in Headers(answer))
        {
            context.Response.Headers[name] = value;
        }

        // HEAD tells the length of what it does not send; 204 and 304 have none.
        context.Response.ContentLength = answer.Content.Headers.ContentLength is { } length && (int)answer.StatusCode is not (204 or 304) ? length : null;
        await using var body = await answer.Content.ReadAsStreamAsync(stop);
        switch (fault)
        {
            case ProxyFault.CutAnswer cut:
                await CopyAsync(body, context.Response.Body, cut.AfterBytes, stop);
                context.Abort();
                break;
            case ProxyFault.StallAnswer stall:
                await CopyAsync(body, context.Response.Body, stall.AfterBytes, stop);
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
                break;
            default:
                await CopyAsync(body, context.Response.Body, long.MaxValue, stop);
                break;
        }
    }

    private async Task ChangeAsync(HttpContext context, ProxiedRequest request, ProxyFault.Change change)
    {
        using var answer = await ForwardAsync(context);
        var changed = new ProxiedAnswer(
            (int)answer.StatusCode, Headers(answer).ToDictionary(StringComparer.OrdinalIgnoreCase), await answer.Content.ReadAsByteArrayAsync(context.RequestAborted));
        change.How(request, changed);
        context.Response.StatusCode = changed.Status;
        foreach (var (name, value) in changed.Headers)
        {
            context.Response.Headers[name] = value;
        }

        if (changed.Body.Length > 0 && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.ContentLength = changed.Body.Length;
            await context.Response.Body.WriteAsync(changed.Body, context.RequestAborted);
        }
    }

    private async Task<HttpResponseMessage> ForwardAsync(HttpContext context)
    {
        var incoming = context.Request;
        using var message = new HttpRequestMessage(
            new HttpMethod(incoming.Method), new Uri(_target, $"{incoming.Path.ToUriComponent()}{incoming.QueryString.ToUriComponent()}"));
        var hasBody = incoming.ContentLength > 0 || incoming.Headers.TransferEncoding.Count > 0;
        if (hasBody || incoming.ContentLength == 0)
        {
            message.Content = hasBody ? new StreamContent(incoming.Body) : new ByteArrayContent([]);
            message.Content.Headers.ContentLength = incoming.ContentLength;
        }

        foreach (var (name, values) in incoming.Headers.Where(header => !OfTheConnection.Contains(header.Key)))
        {
            if (!message.Headers.TryAddWithoutValidation(name, values.AsEnumerable()))
            {
                message.Content?.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
            }
        }

        return await _http.SendAsync(message, context.RequestAborted);
    }

    private static IEnumerable<KeyValuePair<string, string>> Headers(HttpResponseMessage answer) =>
        answer.Headers.NonValidated.Concat(answer.Content.Headers.NonValidated)
            .Where(header => !OfTheConnection.Contains(header.Key))
            .Select(header => KeyValuePair.Create(header.Key, header.Value.ToString()));

    private static Task SwallowAsync(HttpContext context, long bytes) => CopyAsync(context.Request.Body, Stream.Null, bytes, context.RequestAborted);

    private static async Task CopyAsync(Stream from, Stream to, long bytes, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            while (bytes > 0)
            {
                var count = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, bytes)), cancellationToken);
                if (count == 0)
                {
                    return;
                }

                await to.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                await to.FlushAsync(cancellationToken);
                bytes -= count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private sealed class Script(Func<ProxiedRequest, bool> when, ProxyFault fault)
    {
        public Func<ProxiedRequest, bool> When => when;

        public ProxyFault Fault => fault;

        public int Left { get; set; }
    }
}
