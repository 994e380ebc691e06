using ReleaseBot.Parts;
using Xunit;

namespace ReleaseBot.Integration.Engine;

/// <summary>
/// A real Docker engine for tests, their own: it shares nothing with an engine that may run beside it. Share it among classes as a class or
/// collection fixture; it starts in about half a second. Images of different tests must not share names.
/// </summary>
public sealed class DockerEngineFixture : IAsyncLifetime
{
    private DockerDaemon? _daemon;

    /// <summary>E.g. <c>unix:///tmp/rbe-1a2b3c/d.sock</c>.</summary>
    public Uri Endpoint => Daemon.Endpoint;

    public DockerDaemon Daemon => _daemon ?? throw new InvalidOperationException("The engine has not been started.");

    public async ValueTask InitializeAsync() => _daemon = await DockerDaemon.StartAsync(new DockerDaemonOptions());

    public async ValueTask DisposeAsync()
    {
        if (_daemon is not null)
        {
            await _daemon.DisposeAsync();
        }
    }
}
