using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using ReleaseBot.Core;

namespace ReleaseBot.Engine.Connection;

/// <summary>Opens connections to the engine: a unix socket, TCP, or TCP with mutual TLS. Whoever speaks HTTP over them need not know which.</summary>
internal sealed class EngineDialer
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly Uri _endpoint;
    private readonly EngineCertificates? _certificates;
    private readonly TimeProvider _time;

    public EngineDialer(EngineSettings settings, TimeProvider time)
    {
        (_endpoint, _time) = (settings.Endpoint, time);
        if (_endpoint.Scheme is not ("unix" or "tcp"))
        {
            throw new ArgumentException($"The engine's endpoint must be unix:///path or tcp://host:port, not {_endpoint}.", nameof(settings));
        }

        if (_endpoint.Scheme == "tcp" && settings.CertificatePath is { } folder)
        {
            _certificates = new EngineCertificates(folder, _endpoint.Host);
        }
    }

    /// <summary>The endpoint as configured, e.g. <c>tcp://dind:2376</c>, for messages.</summary>
    public string Name => _endpoint.ToString().TrimEnd('/');

    /// <summary>The base of request addresses. Always <c>http</c>: TLS is done here, beneath.</summary>
    public Uri HttpAddress => _endpoint.Scheme == "unix" ? new Uri("http://docker/") : new Uri($"http://{_endpoint.Authority}/");

    /// <summary>Why there is no answer, and what to do.</summary>
    public string Explain(Exception fault)
    {
        var cause = fault;
        while (cause is HttpRequestException && cause.InnerException is { } inner)
        {
            cause = inner;
        }

        return _certificates?.Explain(cause) ?? $"{cause.Message.TrimEnd('.')}. {Cure}";
    }

    private string Cure => (_endpoint.Scheme, _certificates) switch
    {
        ("unix", _) => "Is the engine running, and is its socket mounted and readable here (Engine:Endpoint)?",
        (_, null) => "Is the engine running, and does it listen there (Engine:Endpoint)? One that wants TLS needs Engine:CertificatePath.",
        _ => "Is the engine running, and do ca.pem, cert.pem and key.pem in Engine:CertificatePath fit it?",
    };

    public async ValueTask<Stream> DialAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(Limit, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return _endpoint.Scheme == "unix" ? await DialUnixAsync(linked.Token) : await DialTcpAsync(linked.Token);
        }
        catch (OperationCanceledException fault) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"No connection within {Limit.TotalSeconds:0} seconds.", fault);
        }
    }

    private async Task<Stream> DialUnixAsync(CancellationToken cancellationToken)
    {
        var path = Uri.UnescapeDataString(_endpoint.AbsolutePath);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            return await ConnectAsync(socket, new UnixDomainSocketEndPoint(path), cancellationToken);
        }
        catch (SocketException fault)
        {
            // The system's words are about addresses, which a socket in a file has none of.
            throw new IOException(Explain(fault, path), fault);
        }
    }

    private static string Explain(SocketException fault, string path) => fault.SocketErrorCode switch
    {
        SocketError.AccessDenied => $"this user ({Environment.UserName}) may not open the socket {path}; make it a member of the socket's group, mostly docker",
        SocketError.ConnectionRefused => $"the socket {path} is there, and nobody listens on it",
        _ when !File.Exists(path) => $"there is no socket {path}",
        _ => $"the socket {path} can't be opened ({fault.SocketErrorCode})",
    };

    private async Task<Stream> DialTcpAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        // A build can be silent for long; an engine that vanished without a word must still be noticed.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 30);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 10);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
        var plain = await ConnectAsync(socket, new DnsEndPoint(_endpoint.Host, _endpoint.Port), cancellationToken);
        if (_certificates is null)
        {
            return plain;
        }

        var secure = new SslStream(plain);
        try
        {
            await secure.AuthenticateAsClientAsync(_certificates.Load(), cancellationToken);
            return secure;
        }
        catch
        {
            await secure.DisposeAsync();
            throw;
        }
    }

    private static async Task<NetworkStream> ConnectAsync(Socket socket, EndPoint address, CancellationToken cancellationToken)
    {
        try
        {
            await socket.ConnectAsync(address, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
