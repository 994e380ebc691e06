using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Parts;

namespace ReleaseBot.Chaos;

/// <summary>
/// Stands before the web processes as a load balancer does. It asks each for its readiness once a second, sends a request to the next one that is
/// ready, or to any where none is, and to another only where nobody listens: what was sent once is never sent again. A process can be taken out
/// before it is stopped, as docs/operations.md has it.
/// </summary>
internal sealed class Front : IAsyncDisposable
{
    private static readonly TimeSpan ProbeEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    // What belongs to one connection and not to the message (RFC 9110, 7.6.1), and what the server writes itself.
    private static readonly HashSet<string> OfTheConnection = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Host", "Date", "Server", "Content-Length",
    };

    // A connection for each request: one that is kept may be closed just when a request is sent on it.
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        PooledConnectionLifetime = TimeSpan.Zero,
        ConnectTimeout = TimeSpan.FromSeconds(2),
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
    });

    private readonly CancellationTokenSource _stop = new();
    private readonly WebApplication _app;
    private readonly List<Target> _targets;
    private Task _probing = Task.CompletedTask;
    private int _next;

    private Front(Fleet fleet)
    {
        _targets = [.. fleet.Webs.Select(web => new Target(web))];
        Address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Ports.Free()}"));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls(Address.AbsoluteUri);
        _app = builder.Build();
        _app.Run(HandleAsync);
    }

    public Uri Address { get; }

    public static async Task<Front> StartAsync(Fleet fleet, CancellationToken cancellationToken)
    {
        var front = new Front(fleet);
        await front._app.StartAsync(cancellationToken);
        front._probing = front.ProbeAsync();
        return front;
    }

    /// <summary>Sends it nothing more, and returns when what it was sent is answered; streams last as long as they like and are not waited for.</summary>
    public async Task TakeOutAsync(Bot web)
    {
        var target = _targets.Single(target => target.Web == web);
        target.IsOut = true;
        while (Volatile.Read(ref target.Unanswered) > 0)
        {
            await Task.Delay(Pause, TimeProvider.System);
        }
    }

    public void PutBack(Bot web) => _targets.Single(target => target.Web == web).IsOut = false;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _probing;
        await _app.DisposeAsync();
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task ProbeAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await Task.WhenAll(_targets.Select(async target => target.IsReady = await IsReadyAsync(target.Web)));
            await Task.Delay(ProbeEvery, TimeProvider.System, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> IsReadyAsync(Bot web)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(ProbeLimit);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(web.Address, "healthz/ready"));
            using var response = await _http.SendAsync(request, limit.Token);
            return response.IsSuccessStatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private async Task HandleAsync(HttpContext context)
    {
        var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        foreach (var target in InTurn())
        {
            Interlocked.Increment(ref target.Unanswered);
            var isAnswered = false;
            try
            {
                using var response = await _http.SendAsync(RequestOf(context, target, body.ToArray()), context.RequestAborted);
                isAnswered = response.Content.Headers.ContentType?.MediaType == "text/event-stream";
                if (isAnswered)
                {
                    Interlocked.Decrement(ref target.Unanswered);
                }

                await PassOnAsync(context, response);
                return;
            }
            catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ConnectionError)
            {
                // Nobody listens: nothing was sent.
                target.IsReady = false;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException && !context.RequestAborted.IsCancellationRequested)
            {
                await FailAsync(context, $"{target.Web.Name}: {exception.Message}");
                return;
            }
            catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
            {
                return;
            }
            finally
            {
                if (!isAnswered)
                {
                    Interlocked.Decrement(ref target.Unanswered);
                }
            }
        }

        await FailAsync(context, "no web process listens");
    }

    /// <summary>Those that are ready first; then the others, since one that is not may still do better than nobody.</summary>
    private IEnumerable<Target> InTurn()
    {
        var first = (int)((uint)Interlocked.Increment(ref _next) % (uint)_targets.Count);
        return _targets.Skip(first).Concat(_targets.Take(first)).Where(target => !target.IsOut).OrderByDescending(target => target.IsReady);
    }

    private static HttpRequestMessage RequestOf(HttpContext context, Target target, byte[] body)
    {
        var request = new HttpRequestMessage(
            new HttpMethod(context.Request.Method), new Uri(target.Web.Address, context.Request.Path + context.Request.QueryString.ToString()));
        if (body.Length > 0)
        {
            request.Content = new ByteArrayContent(body);
        }

        foreach (var (name, values) in context.Request.Headers.Where(header => !OfTheConnection.Contains(header.Key)))
        {
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!))
            {
                request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!);
            }
        }

        return request;
    }

    private static async Task PassOnAsync(HttpContext context, HttpResponseMessage response)
    {
        context.Response.StatusCode = (int)response.StatusCode;
        foreach (var (name, values) in response.Headers.Concat(response.Content.Headers).Where(header => !OfTheConnection.Contains(header.Key)))
        {
            context.Response.Headers[name] = values.ToArray();
        }

        await using var from = await response.Content.ReadAsStreamAsync(context.RequestAborted);
        var buffer = new byte[16 * 1024];
        while (await from.ReadAsync(buffer, context.RequestAborted) is > 0 and var read)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    /// <summary>A client sees what it would see of any balancer: 502, or a cut where the answer had begun.</summary>
    private static async Task FailAsync(HttpContext context, string why)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.StatusCode = (int)HttpStatusCode.BadGateway;
        await context.Response.WriteAsync(why);
    }

    private sealed class Target(Bot web)
    {
        public int Unanswered;
        public volatile bool IsOut;
        public volatile bool IsReady = true;

        public Bot Web => web;
    }
}
