using System.Globalization;
using System.Text.Json.Nodes;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.GitLab;

namespace ReleaseBot.Benchmarks.Overheads;

/// <param name="Api">Where hooks go and releases are looked up.</param>
/// <param name="Commit">What every tag points to: the image is built once, and from the cache from then on.</param>
internal sealed record OverheadSetup(string Name, BotProgram Api, DockerDaemon Engine, StandInProject Project, string Commit);

/// <summary>A GitLab and a registry for all; each set-up has an engine, a database and a project of its own. PostgreSQL syncs each commit.</summary>
internal sealed class OverheadWorld : IAsyncDisposable
{
    private readonly string _program;
    private readonly BenchSite _site;
    private readonly List<OverheadSetup> _setups = [];
    private DockerRegistry _registry = null!;
    private int _versions;

    private OverheadWorld(string program, BenchSite site) => (_program, _site) = (program, site);

    public IReadOnlyList<OverheadSetup> Setups => _setups;

    public static async Task<OverheadWorld> StartAsync(string program, CancellationToken cancellationToken)
    {
        var world = new OverheadWorld(program, await BenchSite.StartAsync(cancellationToken));
        try
        {
            world._registry = world._site.Own(await DockerRegistry.StartAsync(new DockerRegistryOptions(), cancellationToken));
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
        await TagAsync(setup.Project, version, setup.Commit, cancellationToken);
        var release = await setup.Api.WaitForPublishedAsync(setup.Project.Path, version, cancellationToken);
        var hook = _site.GitLab.Deliveries.Last(delivery => delivery.Ref == $"refs/tags/{version}" && delivery.Project == setup.Project.Path);
        return ReleaseTimes.Of(release, hook.SentAt);
    }

    public Task TagAsync(StandInProject project, string version, string commit, CancellationToken cancellationToken) =>
        _site.GitLab.UpdateRefAsync(project, $"refs/tags/{version}", commit, "jdoe", cancellationToken);

    /// <summary>Another project of a set-up, whose build does not end by itself.</summary>
    public async Task<(StandInProject Project, string Commit)> AddEndlessAsync(OverheadSetup setup, CancellationToken cancellationToken)
    {
        var project = await _site.AddProjectAsync($"{setup.Project.Path}-endless", cancellationToken);
        using var clone = await StandInRepository.CreateAsync(_site.GitLab, project, cancellationToken);
        File.Copy("/bin/busybox", Path.Combine(clone.Directory, "busybox"));
        var dockerfile = "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"sleep\", \"3600\"]\n";
        var commit = await clone.CommitAsync(new Dictionary<string, string?> { ["Dockerfile"] = dockerfile }, "The beginning", cancellationToken);
        await clone.PushAsync(cancellationToken, "main");
        _site.SendHooksTo(setup.Api, project.Path);
        return (project, commit);
    }

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    private async Task AddEmbeddedAsync(CancellationToken cancellationToken)
    {
        var engine = _site.Own(await DockerDaemon.StartAsync(new DockerDaemonOptions()));
        var bot = _site.Own(await BotProgram.StartAsync(_program, Settings(engine), _site.Secrets(), cancellationToken));
        await AddAsync("in-memory bus, SQLite", "bench/embedded", bot, engine, cancellationToken);
    }

    private async Task AddPlatformAsync(CancellationToken cancellationToken)
    {
        var engine = _site.Own(await DockerDaemon.StartAsync(new DockerDaemonOptions()));
        var postgres = _site.Own(new PostgresServer { IsDurable = true });
        var rabbitMq = _site.Own(await RabbitMqServer.StartAsync(cancellationToken));
        var database = await postgres.CreateDatabaseAsync(cancellationToken);
        await BotProgram.MigrateAsync(_program, OnPostgres(engine, database, rabbitMq), cancellationToken);
        var web = _site.Own(await BotProgram.StartAsync(_program, OnPostgres(engine, database, rabbitMq), _site.Secrets(), cancellationToken, roles: "web"));
        _site.Own(await BotProgram.StartAsync(_program, OnPostgres(engine, database, rabbitMq), _site.Secrets(), cancellationToken, roles: "worker"));
        await AddAsync("RabbitMQ, PostgreSQL", "bench/platform", web, engine, cancellationToken);
    }

    private async Task AddAsync(string name, string path, BotProgram api, DockerDaemon engine, CancellationToken cancellationToken)
    {
        var (project, commit) = await _site.AddProjectAsync(
            path, new Dictionary<string, string?> { ["Dockerfile"] = "FROM scratch\nCOPY greeting /greeting\n", ["greeting"] = "hello\n" }, cancellationToken);
        _site.SendHooksTo(api, path);
        _setups.Add(new OverheadSetup(name, api, engine, project, commit));
    }

    private JsonObject OnPostgres(DockerDaemon engine, string database, RabbitMqServer rabbitMq)
    {
        var settings = Settings(engine);
        settings["Storage"] = new JsonObject { ["Provider"] = "Postgres", ["ConnectionString"] = database };
        settings["Bus"] = new JsonObject { ["Transport"] = "RabbitMq", ["Uri"] = rabbitMq.Uri.AbsoluteUri };
        return settings;
    }

    private JsonObject Settings(DockerDaemon engine) => _site.Settings(_registry, new JsonObject { ["Endpoint"] = engine.Endpoint.ToString() });
}
