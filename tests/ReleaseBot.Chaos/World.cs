using System.Globalization;
using System.Security.Cryptography;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.Chat;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.Registry;

namespace ReleaseBot.Chaos;

/// <summary>An engine that takes nobody without a certificate, as dind does, and the folder of its clients' certificates.</summary>
internal sealed record TlsEngine(DockerDaemon Daemon, Uri Endpoint, string Certificates);

/// <summary>Everything that the bot's processes live among. All of it is real but GitLab and the chat.</summary>
internal sealed class World : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-chaos-");
    private readonly EngineAuthority _authority = new();
    private readonly Stack<IAsyncDisposable> _parts = new();

    private World()
    {
    }

    public string Folder => _folder.FullName;

    public PostgresServer Postgres { get; private set; } = null!;

    public string Database { get; private set; } = null!;

    public RabbitMqServer RabbitMq { get; private set; } = null!;

    public IReadOnlyList<TlsEngine> Engines { get; private set; } = [];

    public IReadOnlyList<DockerRegistry> Registries { get; private set; } = [];

    /// <summary>Before each registry; what the bot knows.</summary>
    public IReadOnlyList<FaultProxy> Proxies { get; private set; } = [];

    public TokenServer Tokens { get; private set; } = null!;

    public GitLabStandIn GitLab { get; private set; } = null!;

    public ChatStandIn Chat { get; private set; } = null!;

    public static async Task<World> StartAsync(CancellationToken cancellationToken)
    {
        var world = new World();
        try
        {
            await world.StartPartsAsync(cancellationToken);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_parts.TryPop(out var part))
        {
            await part.DisposeAsync();
        }

        _authority.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task StartPartsAsync(CancellationToken cancellationToken)
    {
        Postgres = Own(new PostgresServer());
        var database = Postgres.CreateDatabaseAsync(cancellationToken);
        var rabbitMq = RabbitMqServer.StartAsync(cancellationToken);
        // Two clients of one engine is the case of several workers on a machine.
        Engines = [await StartEngineAsync("one"), await StartEngineAsync("two")];
        Tokens = Own(await TokenServer.StartAsync(
            new TokenServerOptions { Users = [new TokenUser(DockerRegistry.Username, DockerRegistry.Password)], Directory = Folder }, cancellationToken));
        Registries =
        [
            Own(await DockerRegistry.StartAsync(new DockerRegistryOptions { Htpasswd = true }, cancellationToken)),
            Own(await DockerRegistry.StartAsync(new DockerRegistryOptions { Tokens = Tokens }, cancellationToken)),
        ];
        Proxies = [await StartProxyAsync(Registries[0], cancellationToken), await StartProxyAsync(Registries[1], cancellationToken)];
        GitLab = Own(await GitLabStandIn.StartAsync(
            new GitLabStandInOptions { Token = "glpat-" + RandomNumberGenerator.GetHexString(20, lowercase: true) }, cancellationToken));
        Chat = Own(await ChatStandIn.StartAsync(new ChatOptions(), cancellationToken));
        Database = await database;
        RabbitMq = Own(await rabbitMq);
    }

    private async Task<FaultProxy> StartProxyAsync(DockerRegistry registry, CancellationToken cancellationToken) =>
        Own(await FaultProxy.StartAsync(registry.Host, cancellationToken));

    private async Task<TlsEngine> StartEngineAsync(string name)
    {
        var (server, client) = (Path.Combine(Folder, name, "server"), Path.Combine(Folder, name, "client"));
        _authority.Issue(server, "localhost");
        _authority.Issue(client, "client");
        var port = Ports.Free();
        var daemon = Own(await DockerDaemon.StartAsync(new DockerDaemonOptions
        {
            Arguments =
            [
                "-H", string.Create(CultureInfo.InvariantCulture, $"tcp://127.0.0.1:{port}"),
                "--tlsverify", "--tlscacert", $"{server}/ca.pem", "--tlscert", $"{server}/cert.pem", "--tlskey", $"{server}/key.pem",
            ],
        }));
        return new TlsEngine(daemon, new Uri(string.Create(CultureInfo.InvariantCulture, $"tcp://localhost:{port}")), client);
    }

    private T Own<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Push(part);
        return part;
    }
}
