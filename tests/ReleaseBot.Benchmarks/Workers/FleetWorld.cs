using System.Globalization;
using System.Text.Json.Nodes;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.GitLab;

namespace ReleaseBot.Benchmarks.Workers;

/// <summary>
/// A web role with PostgreSQL, RabbitMQ, a registry and a GitLab with many projects; workers are started for each measurement, when all of its
/// releases wait. Each has an engine of its own that only waits.
/// </summary>
internal sealed class FleetWorld : IAsyncDisposable
{
    /// <summary>Builds at a time in each worker, the default.</summary>
    public const int Slots = 2;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    private readonly string _program;
    private readonly BenchSite _site;
    private readonly List<(StandInProject Project, string Commit)> _projects = [];
    private readonly List<WaitingEngine> _engines = [];
    private DockerRegistry _registry = null!;
    private RabbitMqServer _rabbitMq = null!;
    private BotProgram _web = null!;
    private string _database = "";
    private int _releases;

    private FleetWorld(string program, BenchSite site) => (_program, _site) = (program, site);

    /// <param name="wait">How long each build takes.</param>
    public static async Task<FleetWorld> StartAsync(string program, int workers, int projects, TimeSpan wait, CancellationToken cancellationToken)
    {
        var world = new FleetWorld(program, await BenchSite.StartAsync(cancellationToken));
        try
        {
            world._registry = world._site.Own(await DockerRegistry.StartAsync(new DockerRegistryOptions(), cancellationToken));
            var postgres = world._site.Own(new PostgresServer { IsDurable = true });
            world._rabbitMq = world._site.Own(await RabbitMqServer.StartAsync(cancellationToken));
            world._database = await postgres.CreateDatabaseAsync(cancellationToken);
            for (var i = 0; i < workers; i++)
            {
                world._engines.Add(world._site.Own(await WaitingEngine.StartAsync(string.Create(CultureInfo.InvariantCulture, $"waiting-{i}"), wait, cancellationToken)));
            }

            await BotProgram.MigrateAsync(program, world.Settings(world._engines[0]), cancellationToken);
            world._web = world._site.Own(await BotProgram.StartAsync(program, world.Settings(world._engines[0]), world._site.Secrets(), cancellationToken, roles: "web"));
            await world.AddProjectsAsync(projects, cancellationToken);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Has releases wait, one project after the other, and then so many workers take them. The first few of each slot are not counted: a worker that has just
    /// started still compiles what it does.
    /// </summary>
    /// <returns>Releases that were published in a minute, and what the machine did from the workers' start to the last of them.</returns>
    public async Task<(double PerMinute, MachineTimes Machine)> MeasureAsync(int workers, int warmUps, int builds, CancellationToken cancellationToken)
    {
        var (uncounted, releases) = (workers * Slots * warmUps, workers * Slots * (warmUps + builds));
        HashSet<string> refs = new(StringComparer.Ordinal);
        for (var i = 0; i < releases; i++)
        {
            var number = _releases++;
            var (project, commit) = _projects[number % _projects.Count];
            var version = string.Create(CultureInfo.InvariantCulture, $"v1.0.{number}");
            refs.Add(version);
            await _site.GitLab.UpdateRefAsync(project, $"refs/tags/{version}", commit, "jdoe", cancellationToken);
        }

        await WaitAsync("queued", refs, cancellationToken);
        var before = MachineTimes.Now();
        var starts = _engines.Take(workers).Select(engine => BotProgram.StartAsync(_program, Settings(engine), _site.Secrets(), cancellationToken, roles: "worker")).ToList();
        try
        {
            await Task.WhenAll(starts);
            var published = (await WaitAsync("published", refs, cancellationToken)).Select(FinishedAt).Order().ToList();
            return ((releases - uncounted) / (published[^1] - published[uncounted - 1]).TotalMinutes, MachineTimes.Now() - before);
        }
        finally
        {
            foreach (var start in starts.Where(start => start.IsCompletedSuccessfully))
            {
                var worker = await start;
                await worker.StopAsync();
                await worker.DisposeAsync();
            }
        }
    }

    /// <summary>That what stands for the engine was asked for nothing that it does not know: its releases would be others than an engine's.</summary>
    public void ThrowIfUnexpected()
    {
        if (_engines.SelectMany(engine => engine.Unexpected).ToList() is [_, ..] unexpected)
        {
            throw new InvalidOperationException($"The waiting engine was asked for what it does not know: {string.Join(", ", unexpected.Distinct())}");
        }
    }

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    private async Task AddProjectsAsync(int count, CancellationToken cancellationToken)
    {
        for (var i = 0; i < count; i++)
        {
            _projects.Add(await _site.AddProjectAsync(
                string.Create(CultureInfo.InvariantCulture, $"bench/app-{i}"), new Dictionary<string, string?> { ["Dockerfile"] = "FROM scratch\n" }, cancellationToken));
        }

        _site.SendHooksTo(_web);
    }

    /// <summary>Waits until all of them have got so far.</summary>
    private async Task<List<JsonNode>> WaitAsync(string status, HashSet<string> refs, CancellationToken cancellationToken)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var page = JsonNode.Parse(await _web.GetAsync("api/v1/releases?limit=200", cancellationToken))!["items"]!.AsArray();
            List<JsonNode> mine = [.. page.OfType<JsonNode>().Where(release => refs.Contains(release["ref"]!["name"]!.GetValue<string>()))];
            if (mine.Find(release => release["status"]!.GetValue<string>() is "failed" or "rejected" or "canceled") is { } ended)
            {
                throw new InvalidOperationException($"A release ended before its time: {ended.ToJsonString()}");
            }

            if (mine.Count == refs.Count && mine.TrueForAll(release => release["status"]!.GetValue<string>() == status))
            {
                return mine;
            }

            if (TimeProvider.System.GetElapsedTime(began) > Limit)
            {
                throw new TimeoutException($"Not all releases were {status} within {Limit}: {string.Join(", ", mine.CountBy(release => release["status"]!.GetValue<string>()))}");
            }

            await Task.Delay(Poll, TimeProvider.System, cancellationToken);
        }
    }

    private static DateTimeOffset FinishedAt(JsonNode release) => DateTimeOffset.Parse(release["finishedAt"]!.GetValue<string>(), CultureInfo.InvariantCulture);

    private JsonObject Settings(WaitingEngine engine)
    {
        var settings = _site.Settings(_registry, new JsonObject { ["Endpoint"] = engine.Endpoint, ["Builder"] = "Classic", ["Concurrency"] = Slots });
        settings["Storage"] = new JsonObject { ["Provider"] = "Postgres", ["ConnectionString"] = _database };
        settings["Bus"] = new JsonObject { ["Transport"] = "RabbitMq", ["Uri"] = _rabbitMq.Uri.AbsoluteUri };
        return settings;
    }
}
