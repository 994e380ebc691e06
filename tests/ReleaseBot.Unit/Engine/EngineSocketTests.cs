using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Engine;

/// <summary>An engine's socket that leads nowhere is named, with its path and the cure.</summary>
public sealed class EngineSocketTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rb-socket-").FullName;

    private string SocketPath => Path.Combine(_folder, "docker.sock");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_Socket_That_Is_Not_There_Is_Named() => (await FaultAsync()).ShouldBe(
        $"The engine at unix://{SocketPath} does not answer: there is no socket {SocketPath}. Is the engine running, and is its socket mounted and readable here (Engine:Endpoint)?");

    [Fact]
    public async Task A_Socket_That_Nobody_Listens_On_Is_Named()
    {
        using (Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
            listener.Listen();
            // The file stays, as after an engine that was killed; to close it in order would remove it.
            File.Move(SocketPath, SocketPath + ".left");
        }

        File.Move(SocketPath + ".left", SocketPath);

        (await FaultAsync()).ShouldContain($"the socket {SocketPath} is there, and nobody listens on it");
    }

    private async Task<string> FaultAsync()
    {
        await using DockerEngine engine = new(
            new EngineSettings { Endpoint = new Uri($"unix://{SocketPath}") }, TimeProvider.System, NullLogger<DockerEngine>.Instance);
        return (await Should.ThrowAsync<EngineUnavailableException>(engine.GetVersionAsync(TestContext.Current.CancellationToken))).Message;
    }
}
