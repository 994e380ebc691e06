using System.Security.Cryptography;
using ReleaseBot.StandIns.Chat;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.Registry;
using Xunit;

[assembly: AssemblyFixture(typeof(ReleaseBot.EndToEnd.Parts.ServiceParts))]

namespace ReleaseBot.EndToEnd.Parts;

/// <summary>What ReleaseBot lives among, started once for all tests: an engine, two registries, a GitLab and a chat. Each test has a project of its own.</summary>
public sealed class ServiceParts : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("releasebot-parts-");
    private DockerDaemon? _engine;
    private DockerRegistry? _first;
    private DockerRegistry? _second;
    private TokenServer? _tokens;
    private GitLabStandIn? _gitLab;
    private ChatStandIn? _chat;
    private long _lastProjectId;

    public ServiceParts() => Bots = new SharedBots(this);

    public DockerDaemon Engine => _engine ?? throw NotStarted();

    /// <summary>A registry with a user and a password.</summary>
    public DockerRegistry First => _first ?? throw NotStarted();

    /// <summary>A registry behind bearer tokens, as GitLab's own.</summary>
    public DockerRegistry Second => _second ?? throw NotStarted();

    public TokenServer Tokens => _tokens ?? throw NotStarted();

    public GitLabStandIn GitLab => _gitLab ?? throw NotStarted();

    public ChatStandIn Chat => _chat ?? throw NotStarted();

    /// <summary>A database for scenarios that want one; it starts with the first of them.</summary>
    public PostgresServer Postgres { get; } = new();

    internal SharedBots Bots { get; }

    /// <summary>Of a project that no other test has; tests make theirs side by side.</summary>
    public long NextProjectId() => Interlocked.Increment(ref _lastProjectId);

    public async ValueTask InitializeAsync()
    {
        _engine = await DockerDaemon.StartAsync(new DockerDaemonOptions());
        _first = await DockerRegistry.StartAsync(new DockerRegistryOptions { Htpasswd = true }, CancellationToken.None);
        _tokens = await TokenServer.StartAsync(
            new TokenServerOptions { Users = [new TokenUser(DockerRegistry.Username, DockerRegistry.Password)], Directory = _folder.FullName }, CancellationToken.None);
        _second = await DockerRegistry.StartAsync(new DockerRegistryOptions { Tokens = _tokens }, CancellationToken.None);
        _gitLab = await GitLabStandIn.StartAsync(
            new GitLabStandInOptions { Token = "glpat-" + RandomNumberGenerator.GetHexString(20, lowercase: true) }, CancellationToken.None);
        _chat = await ChatStandIn.StartAsync(new ChatOptions(), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var part in (IAsyncDisposable?[])[Bots, _chat, _gitLab, _second, _tokens, _first, _engine, Postgres])
        {
            if (part is not null)
            {
                await part.DisposeAsync();
            }
        }

        _folder.Delete(recursive: true);
    }

    private static InvalidOperationException NotStarted() => new("The parts have not been started.");
}
