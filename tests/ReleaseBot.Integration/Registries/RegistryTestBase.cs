using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.StandIns.Registry;
using Xunit;

namespace ReleaseBot.Integration.Registries;

/// <summary>Clients with short waits, and everything that a test started ended with it.</summary>
public abstract class RegistryTestBase : IAsyncDisposable
{
    private readonly List<IDisposable> _clients = [];
    private readonly List<IAsyncDisposable> _parts = [];

    /// <summary>The real limits, but for the waits between tries.</summary>
    internal static RegistryLimits Quick { get; } = new() { FirstWait = TimeSpan.FromMilliseconds(10), LongestWait = TimeSpan.FromMilliseconds(50) };

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected static Uri GitLab { get; } = new("https://gitlab.example/");

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        foreach (var part in Enumerable.Reverse(_parts))
        {
            await part.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    internal RegistryClient Client(RegistrySettings settings, RegistryLimits? limits = null, TimeProvider? time = null)
    {
        var client = new RegistryClient(
            settings, new TrustedRealms(GitLab), time ?? TimeProvider.System, NullLogger<RegistryClient>.Instance, limits ?? Quick);
        _clients.Add(client);
        return client;
    }

    protected async Task<DockerRegistry> StartRegistryAsync(DockerRegistryOptions? options = null) =>
        Owned(await DockerRegistry.StartAsync(options ?? new DockerRegistryOptions(), Stop));

    protected async Task<FaultProxy> StartProxyAsync(string targetHost) => Owned(await FaultProxy.StartAsync(targetHost, Stop));

    protected async Task<TokenServer> StartTokenServerAsync(params TokenUser[] users) => Owned(await TokenServer.StartAsync(
        new TokenServerOptions { Users = [new TokenUser(DockerRegistry.Username, DockerRegistry.Password), .. users], Directory = Owned(new Folder()).Path }, Stop));

    private T Owned<T>(T part) where T : IAsyncDisposable
    {
        _parts.Add(part);
        return part;
    }

    private sealed class Folder : IAsyncDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("token-server-").FullName;

        public ValueTask DisposeAsync()
        {
            Directory.Delete(Path, recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}
