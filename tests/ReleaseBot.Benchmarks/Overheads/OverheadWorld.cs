using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.GitLab.Hooks;

namespace ReleaseBot.Benchmarks.Overheads;

/// <param name="Api">Where hooks go and releases are looked up.</param>
/// <param name="Commit">What every tag points to: the image is built once, and from the cache from then on.</param>
internal sealed record OverheadSetup(string Name, BotProgram Api, StandInProject Project, string Commit);

/// <summary>A GitLab and a registry for all; each set-up has an engine, a database and a project of its own. PostgreSQL syncs each commit.</summary>
internal sealed class OverheadWorld : IAsyncDisposable
{
    private readonly string _program;
    private readonly Stack<IAsyncDisposable> _parts = new();
    private readonly string _signingToken = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
    private readonly List<OverheadSetup> _setups = [];
    private GitLabStandIn _gitLab = null!;
    private DockerRegistry _registry = null!;
    private int _versions;

    private OverheadWorld(string program) => _program = program;

    public IReadOnlyList<OverheadSetup> Setups => _setups;

    public static async Task<OverheadWorld> StartAsync(string program, CancellationToken cancellationToken)
    {
        var world = new OverheadWorld(program);
        try
        {
            world._gitLab = world.Own(await GitLabStandIn.StartAsync(
                new GitLabStandInOptions { Token = "glpat-" + RandomNumberGenerator.GetHexString(20, lowercase: true) }, cancellationToken));
            world._registry = world.Own(await DockerRegistry.StartAsync(new DockerRegistryOptions(), cancellationToken));
            await world.AddEmbeddedAsync(cancellationToken);
            await world.AddPlatformAsync(cancellationToken);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>Pushes a tag and waits until its image is published.</summary>
    public async Task<ReleaseTimes> ReleaseAsync(OverheadSetup setup, CancellationToken cancellationToken)
    {
        var version = string.Create(CultureInfo.InvariantCulture, $"v1.0.{++_versions}");
        await _gitLab.UpdateRefAsync(setup.Project, $"refs/tags/{version}", setup.Commit, "jdoe", cancellationToken);
        var release = await setup.Api.WaitForPublishedAsync(setup.Project.Path, version, cancellationToken);
        var hook = _gitLab.Deliveries.Last(delivery => delivery.Ref == $"refs/tags/{version}" && delivery.Project == setup.Project.Path);
        return ReleaseTimes.Of(release, hook.SentAt);
    }

    public async ValueTask DisposeAsync()
    {
        while (_parts.TryPop(out var part))
        {
            await part.DisposeAsync();
        }
    }

    private async Task AddEmbeddedAsync(CancellationToken cancellationToken)
    {
        var engine = Own(await DockerDaemon.StartAsync(new DockerDaemonOptions()));
        var bot = Own(await BotProgram.StartAsync(_program, Settings(engine), Secrets(), cancellationToken));
        await AddAsync("in-memory bus, SQLite", "bench/embedded", bot, cancellationToken);
    }

    private async Task AddPlatformAsync(CancellationToken cancellationToken)
    {
        var engine = Own(await DockerDaemon.StartAsync(new DockerDaemonOptions()));
        var postgres = Own(new PostgresServer { IsDurable = true });
        var rabbitMq = Own(await RabbitMqServer.StartAsync(cancellationToken));
        var database = await postgres.CreateDatabaseAsync(cancellationToken);
        await BotProgram.MigrateAsync(_program, OnPostgres(engine, database, rabbitMq), cancellationToken);
        var web = Own(await BotProgram.StartAsync(_program, OnPostgres(engine, database, rabbitMq), Secrets(), cancellationToken, roles: "web"));
        Own(await BotProgram.StartAsync(_program, OnPostgres(engine, database, rabbitMq), Secrets(), cancellationToken, roles: "worker"));
        await AddAsync("RabbitMQ, PostgreSQL", "bench/platform", web, cancellationToken);
    }

    private async Task AddAsync(string name, string path, BotProgram api, CancellationToken cancellationToken)
    {
        var project = await _gitLab.AddProjectAsync(path, null, cancellationToken);
        project.ProtectedTags.Add("v*");
        using var clone = await StandInRepository.CreateAsync(_gitLab, project, cancellationToken);
        var commit = await clone.CommitAsync(
            new Dictionary<string, string?> { ["Dockerfile"] = "FROM scratch\nCOPY greeting /greeting\n", ["greeting"] = "hello\n" }, "A greeting", cancellationToken);
        await clone.PushAsync(cancellationToken, "main");
        _gitLab.AddHook(new StandInHook { Url = api.Hook, Scope = HookScope.Project, Owner = path, SigningToken = _signingToken });
        _setups.Add(new OverheadSetup(name, api, project, commit));
    }

    private Dictionary<string, string> Secrets() => new()
    {
        ["GitLab__Token"] = _gitLab.Options.Token,
        ["GitLab__Webhook__SigningTokens__0"] = _signingToken,
    };

    private JsonObject OnPostgres(DockerDaemon engine, string database, RabbitMqServer rabbitMq)
    {
        var settings = Settings(engine);
        settings["Storage"] = new JsonObject { ["Provider"] = "Postgres", ["ConnectionString"] = database };
        settings["Bus"] = new JsonObject { ["Transport"] = "RabbitMq", ["Uri"] = rabbitMq.Uri.AbsoluteUri };
        return settings;
    }

    private JsonObject Settings(DockerDaemon engine) => new()
    {
        ["GitLab"] = new JsonObject { ["Url"] = _gitLab.Url.AbsoluteUri },
        ["Registries"] = new JsonObject { ["main"] = new JsonObject { ["Host"] = _registry.Host, ["Insecure"] = true } },
        ["Projects"] = new JsonArray(new JsonObject
        {
            ["Path"] = "bench/**",
            ["Images"] = new JsonArray(new JsonObject { ["Registry"] = "main", ["Repository"] = "{project.path}", ["Tags"] = new JsonArray("{tag}", "latest") }),
        }),
        ["Engine"] = new JsonObject { ["Endpoint"] = engine.Endpoint.ToString() },
    };

    private T Own<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Push(part);
        return part;
    }
}
