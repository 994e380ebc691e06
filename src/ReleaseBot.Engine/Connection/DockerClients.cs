using Docker.DotNet;
using Docker.DotNet.Handler.Abstractions;
using Microsoft.Extensions.Logging;

namespace ReleaseBot.Engine.Connection;

/// <summary>Makes a Docker.DotNet client that goes to the engine by our own way, since its TLS does not check the host's name.</summary>
internal static class DockerClients
{
    public static DockerClient Create(EngineClient client, Uri address) =>
        new DockerClientBuilder()
            .WithEndpoint(new UriBuilder(address) { Scheme = "tcp" }.Uri)
            .WithTransportOptions(new SharedHandlerFactory(client.Handler, address), new SharedHandler())
            .Build();

    private sealed record SharedHandler;

    private sealed class SharedHandlerFactory(HttpMessageHandler handler, Uri address) : IDockerHandlerFactory<SharedHandler>
    {
        public ResolvedTransport CreateHandler(ResolvedClientOptions options, ILogger logger) => new(new Borrowed(handler), address);

        public ResolvedTransport CreateHandler(SharedHandler transport, ResolvedClientOptions options, ILogger logger) => new(new Borrowed(handler), address);

        public Task<WriteClosableStream> HijackStreamAsync(HttpContent content) =>
            throw new NotSupportedException("Upgraded connections are EngineClient's.");
    }

    /// <summary>Keeps the shared handler alive when Docker.DotNet disposes its own.</summary>
    private sealed class Borrowed(HttpMessageHandler inner) : HttpMessageHandler
    {
        private readonly HttpMessageInvoker _inner = new(inner, disposeHandler: false);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            _inner.SendAsync(request, cancellationToken);
    }
}
