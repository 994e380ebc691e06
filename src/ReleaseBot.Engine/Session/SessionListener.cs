using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace ReleaseBot.Engine.Session;

/// <summary>Hands Kestrel the connections that the engine upgraded, in place of a port.</summary>
internal sealed class SessionListener : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionListener
{
    private readonly Channel<ConnectionContext> _waiting = Channel.CreateBounded<ConnectionContext>(16);

    public EndPoint EndPoint => SessionEndPoint.Instance;

    public bool CanBind(EndPoint endpoint) => endpoint is SessionEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(this);

    public ValueTask AddAsync(ConnectionContext connection, CancellationToken cancellationToken) => _waiting.Writer.WriteAsync(connection, cancellationToken);

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _waiting.Reader.WaitToReadAsync(cancellationToken) && _waiting.Reader.TryRead(out var connection) ? connection : null;

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _waiting.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();
}

/// <summary>The address of nothing: no port is opened.</summary>
internal sealed class SessionEndPoint : EndPoint
{
    public static readonly SessionEndPoint Instance = new();

    public override string ToString() => "buildkit-session";
}
