using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using ReleaseBot.Engine.Connection;

namespace ReleaseBot.Engine.Session;

/// <summary>
/// The client's half of a BuildKit session. The engine, not we, is the caller: it speaks gRPC over the connection that we had upgraded, and one
/// Kestrel without a port answers for all builds.
/// </summary>
internal sealed class SessionServer : IAsyncDisposable
{
    private static readonly TimeSpan AttachLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan FarewellLimit = TimeSpan.FromSeconds(2);

    private static readonly string[] Methods =
    [
        "/grpc.health.v1.Health/Check",
        "/moby.filesync.v1.Auth/Credentials",
        "/moby.filesync.v1.FileSync/DiffCopy",
        "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    ];

    private readonly WebApplication _application;
    private readonly SessionListener _listener;
    private readonly TimeProvider _time;

    private SessionServer(WebApplication application, SessionListener listener, TimeProvider time) =>
        (_application, _listener, _time) = (application, listener, time);

    public static async Task<SessionServer> StartAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        var listener = new SessionListener();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(SessionEndPoint.Instance, endpoint => endpoint.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddSingleton<IConnectionListenerFactory>(listener);
        // The default lifetime would end the sessions at SIGTERM, while the process drains its builds.
        builder.Services.AddSingleton<IHostLifetime, OwnedLifetime>();
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        var application = builder.Build();
        application.UseRouting();
        application.MapGrpcService<HealthService>();
        application.MapGrpcService<AuthService>();
        application.MapGrpcService<SecretsService>();
        application.MapGrpcService<FileSyncService>();
        await application.StartAsync(cancellationToken);
        return new SessionServer(application, listener, time);
    }

    /// <summary>
    /// Opens the session; a build may name it from now on (naming one that is not there yet costs 75 seconds). Disposing the result closes it.
    /// </summary>
    /// <exception cref="EngineRefusedException">The engine has no sessions, so no BuildKit either.</exception>
    public async Task<IAsyncDisposable> AttachAsync(EngineClient engine, BuildSession session, CancellationToken cancellationToken)
    {
        List<KeyValuePair<string, string>> headers =
        [
            new("X-Docker-Expose-Session-Uuid", session.Id),
            new("X-Docker-Expose-Session-Name", "releasebot"),
            // Of builds with the same key the builder keeps one copy of the context, and takes files of equal size and time for equal.
            new("X-Docker-Expose-Session-Sharedkey", session.Id),
            .. Methods.Select(method => new KeyValuePair<string, string>("X-Docker-Expose-Session-Grpc-Method", method)),
        ];
        var stream = await engine.UpgradeAsync("session", "h2c", headers, AttachLimit, cancellationToken);
        var connection = new SessionConnection(stream, session);
        try
        {
            await _listener.AddAsync(connection, cancellationToken);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        return new Attachment(connection, _time);
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(FarewellLimit, _time);
        await _application.StopAsync(limit.Token);
        await _application.DisposeAsync();
    }

    private sealed class Attachment(SessionConnection connection, TimeProvider time) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            connection.RequestClose();
            try
            {
                await connection.Ended.WaitAsync(FarewellLimit, time);
            }
            catch (TimeoutException)
            {
                connection.Abort(new ConnectionAbortedException("The build has ended."));
            }
        }
    }

    private sealed class OwnedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
