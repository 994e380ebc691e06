using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace ReleaseBot.Integration.Engine;

/// <summary>The real engine behind a front that has no BuildKit, as Podman's Docker API has none: what the classic fallback is for.</summary>
internal sealed class EngineFront : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly HttpClient _engine;

    private EngineFront(WebApplication application, HttpClient engine) => (_application, _engine) = (application, engine);

    public Uri Endpoint => new($"tcp://{new Uri(_application.Urls.Single()).Authority}");

    public ConcurrentQueue<string> Paths { get; } = new();

    /// <summary>It knows no sessions at all.</summary>
    public static Task<EngineFront> WithoutSessionsAsync(Uri engine, CancellationToken cancellationToken) =>
        StartAsync(engine, context => RefuseAsync(context, 404, "page not found"), cancellationToken);

    /// <summary>It takes a session and the context, and then says that it cannot.</summary>
    public static Task<EngineFront> WithoutBuildKitAsync(Uri engine, CancellationToken cancellationToken) =>
        StartAsync(engine, HoldAsync, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        _engine.Dispose();
    }

    private static async Task<EngineFront> StartAsync(Uri engine, RequestDelegate session, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(engine.AbsolutePath), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://docker/") };
        var front = new EngineFront(builder.Build(), client);
        front._application.Run(context =>
        {
            front.Paths.Enqueue(context.Request.Path);
            return context.Request.Path == "/session" ? session(context)
                : context.Request.Query["version"] == "2" ? DrainAndRefuseAsync(context)
                : front.ForwardAsync(context);
        });
        await front._application.StartAsync(cancellationToken);
        return front;
    }

    private async Task ForwardAsync(HttpContext context)
    {
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), $"{context.Request.Path}{context.Request.QueryString}");
        if (HttpMethods.IsPost(context.Request.Method))
        {
            request.Content = new StreamContent(context.Request.Body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-tar");
        }

        if (context.Request.Headers.TryGetValue("X-Registry-Config", out var config))
        {
            request.Headers.TryAddWithoutValidation("X-Registry-Config", (string?)config);
        }

        using var response = await _engine.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        context.Response.StatusCode = (int)response.StatusCode;
        await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    private static async Task DrainAndRefuseAsync(HttpContext context)
    {
        await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
        await RefuseAsync(context, 501, "BuildKit is not supported on this platform");
    }

    private static async Task HoldAsync(HttpContext context)
    {
        await using var stream = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        await stream.CopyToAsync(Stream.Null, context.RequestAborted);
    }

    private static async Task RefuseAsync(HttpContext context, int status, string message)
    {
        context.Response.StatusCode = status;
        await context.Response.WriteAsJsonAsync(new { message }, context.RequestAborted);
    }
}
