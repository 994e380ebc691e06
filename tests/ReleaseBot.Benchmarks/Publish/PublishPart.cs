using System.Globalization;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Publish;

/// <summary>
/// From a tag to images that can be pulled from two registries: the pipeline that teams write, a good script, and ReleaseBot. Same source,
/// same registries, same machine; in each round one after the other, in an order that turns.
/// </summary>
/// <remarks>
/// What favours the pipeline: its job's containers are not started and their images not pulled, for this machine can't; only the fresh
/// engine, the clone and the commands count. What favours the script: it logs in beforehand and checks nothing.
/// </remarks>
internal sealed class PublishPart : BenchPart
{
    private const string Pipeline = "pipeline (a)";
    private const string Floor = "script (b)";
    private const string Bot = "ReleaseBot (c)";
    private const string Source = "source change";
    private const string Dependencies = "dependencies";
    private const string Nothing = "nothing changed";
    private const string First = "first release";
    private const string Large = "500 MB context";
    private const int GigabytesOfShop = 12;
    private const int GigabytesOfLarge = 35;
    private const string ScriptRepositories = "script";
    private const string PipelineRepositories = "pipeline";
    private static readonly string[] Shop = [Source, Dependencies, Nothing];

    private static readonly string Scripts = Path.Combine(AppContext.BaseDirectory, "Publish");

    private int _versions;

    public override string Name => "publish";

    public override string Summary => "from a tag to images on two registries: a CI job with a cold dind, a good script, ReleaseBot";

    public override IReadOnlyList<string> CaseNames => [.. Shop, First, Large];

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        ExpectRoom(options);
        await using var world = await PublishWorld.StartAsync(options, cancellationToken);
        var floor = world.Own(new ScriptRun(world.FloorEngine, new Dictionary<string, string>()));
        await world.LogInAsync(floor, cancellationToken);
        var bench = new Rounds(this, world, floor, report, options);

        if (Shop.Any(options.IsWanted))
        {
            var shop = await world.AddProjectAsync("bench/shop", cancellationToken);
            // The first is another case; here it warms what stays warm.
            await bench.WarmAsync(shop, cancellationToken);
            await bench.RunAsync(Source, shop, shop.ChangeSourceAsync, cancellationToken);
            await bench.RunAsync(Dependencies, shop, shop.ChangeDependenciesAsync, cancellationToken);
            await bench.RunAsync(Nothing, shop, shop.HeadAsync, cancellationToken);
        }

        if (options.IsWanted(First))
        {
            var other = await world.AddProjectAsync("bench/other", cancellationToken);
            await bench.WarmAsync(other, cancellationToken);
            await bench.RunFirstAsync(cancellationToken);
        }

        if (options.IsWanted(Large))
        {
            var large = await world.AddProjectAsync("bench/large", cancellationToken);
            await large.AddAssetsAsync(cancellationToken);
            await bench.WarmAsync(large, cancellationToken);
            await bench.RunAsync(Large, large, large.ChangeSourceAsync, cancellationToken);
        }

        var (resident, peak) = world.Bot.Memory();
        report.Add(Name, "memory", "resident, after all releases", "MB", resident / 1e6);
        report.Add(Name, "memory", "the most it ever was", "MB", peak / 1e6);
    }

    /// <summary>Before, rather than on a full disk that others use too: nothing is deleted until all is over.</summary>
    private static void ExpectRoom(BenchOptions options)
    {
        var needed = options.IsShort ? 1 : options.IsWanted(Large) ? GigabytesOfLarge : GigabytesOfShop;
        var free = new DriveInfo("/tmp").AvailableFreeSpace / 1e9;
        if (free < needed)
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"The engines, registries and jobs of publish need {needed} GB below /tmp, where {free:F0} GB are free. --case source needs {GigabytesOfShop}."));
        }
    }

    /// <summary>The three ways, and their turns.</summary>
    private sealed class Rounds(PublishPart part, PublishWorld world, ScriptRun floor, BenchReport report, BenchOptions options)
    {
        public async Task WarmAsync(ShopRepository shop, CancellationToken cancellationToken)
        {
            var commit = await shop.ChangeSourceAsync(cancellationToken);
            await FloorAsync(shop, commit, part.NextVersion(), new StageTimes(), cancellationToken);
            await BotAsync(shop, commit, part.NextVersion(), new StageTimes(), cancellationToken);
        }

        /// <summary>A project that is changed before each round.</summary>
        public Task RunAsync(
            string name, ShopRepository shop, Func<CancellationToken, Task<string>> change, CancellationToken cancellationToken) =>
            RunAsync(name, async (results, round) => await RoundAsync(results, shop, await change(cancellationToken), round, cancellationToken), cancellationToken);

        /// <summary>Each round is a project nobody has built, with a base that no engine has.</summary>
        public Task RunFirstAsync(CancellationToken cancellationToken) => RunAsync(
            First,
            async (results, round) =>
            {
                var shop = await world.AddProjectAsync(string.Create(CultureInfo.InvariantCulture, $"bench/first{round}"), cancellationToken);
                await RoundAsync(results, shop, await shop.ChangeSourceAsync(cancellationToken), round, cancellationToken);
            },
            cancellationToken);

        private async Task RunAsync(string name, Func<Results, int, Task> measure, CancellationToken cancellationToken)
        {
            if (!options.IsWanted(name))
            {
                return;
            }

            var results = new Results();
            for (var round = 0; round < options.Rounds; round++)
            {
                await measure(results, round);
                part.Say($"{name}, round {round + 1} of {options.Rounds}: {results}");
            }

            Report(name, results);
            await KeepLogAsync(name, results, cancellationToken);
        }

        /// <summary>The last release's log, in which the builder tells how long each step took.</summary>
        private async Task KeepLogAsync(string name, Results results, CancellationToken cancellationToken)
        {
            var path = Path.ChangeExtension(options.JsonPath, $".{name.Replace(' ', '-')}.log");
            await File.WriteAllTextAsync(path, await world.Bot.GetAsync($"api/v1/releases/{results.Stages.LastRelease}/log", cancellationToken), cancellationToken);
        }

        private async Task RoundAsync(Results results, ShopRepository shop, string commit, int round, CancellationToken cancellationToken)
        {
            var version = part.NextVersion();
            var path = shop.Project.Path;
            Func<Task>[] ways =
            [
                async () =>
                {
                    results.Floor.Add(await FloorAsync(shop, commit, version, results.FloorStages, cancellationToken));
                    await world.ThrowIfNotPublishedAsync($"{ScriptRepositories}/{path}", version, cancellationToken);
                },
                async () =>
                {
                    results.Bot.Add(await BotAsync(shop, commit, version, results.Stages, cancellationToken));
                    await world.ThrowIfNotPublishedAsync($"{PublishWorld.BotRepositories}/{path}", version, cancellationToken);
                },
                async () =>
                {
                    results.Pipeline.Add(await PipelineAsync(results, shop, version, cancellationToken));
                    await world.ThrowIfNotPublishedAsync($"{PipelineRepositories}/{path}", version, cancellationToken);
                },
            ];
            foreach (var way in Turns(ways, round))
            {
                await way();
            }
        }

        private async Task<TimeSpan> PipelineAsync(Results results, ShopRepository shop, string version, CancellationToken cancellationToken)
        {
            var started = TimeProvider.System.GetTimestamp();
            var service = world.Own(await DindService.StartAsync(Path.Combine(Scripts, "dind-certificates.sh"), cancellationToken));
            results.EngineReady.Add(TimeProvider.System.GetElapsedTime(started));
            var job = world.Own(new ScriptRun(service.Engine, service.Variables));
            var variables = world.JobVariables(shop.Project, "", $"{PipelineRepositories}/{shop.Project.Path}", version);
            results.PipelineStages.AddFrom(await job.RunAsync(Path.Combine(Scripts, "pipeline.sh"), variables, cancellationToken));
            var took = TimeProvider.System.GetElapsedTime(started);
            await service.Engine.StopAsync();
            return took;
        }

        private async Task<TimeSpan> FloorAsync(ShopRepository shop, string commit, string version, StageTimes stages, CancellationToken cancellationToken)
        {
            var variables = world.JobVariables(shop.Project, commit, $"{ScriptRepositories}/{shop.Project.Path}", version);
            var started = TimeProvider.System.GetTimestamp();
            var output = await floor.RunAsync(Path.Combine(Scripts, "floor.sh"), variables, cancellationToken);
            var took = TimeProvider.System.GetElapsedTime(started);
            stages.AddFrom(output);
            Directory.Move(Path.Combine(floor.Folder, "source"), Path.Combine(floor.Folder, version));
            return took;
        }

        /// <summary>From the hook's departure until the API says that it is published.</summary>
        private async Task<TimeSpan> BotAsync(ShopRepository shop, string commit, string version, StageTimes stages, CancellationToken cancellationToken)
        {
            await world.GitLab.UpdateRefAsync(shop.Project, $"refs/tags/{version}", commit, "jdoe", cancellationToken);
            var release = await world.Bot.WaitForPublishedAsync(shop.Project.Path, version, cancellationToken);
            var seen = TimeProvider.System.GetUtcNow();
            stages.Add(release);
            return seen - world.GitLab.Deliveries.Last(delivery => delivery.Ref == $"refs/tags/{version}" && delivery.Project == shop.Project.Path).SentAt;
        }

        private void Report(string name, Results results)
        {
            report.Add(part.Name, name, Floor, "s", results.Floor);
            Report(name, Floor, results.FloorStages);
            report.Add(part.Name, name, Bot, "s", results.Bot);
            Report(name, Bot, results.Stages);

            var target = name switch
            {
                Source => Target.AtMost(1.10),
                Dependencies or First => Target.AtMost(1),
                _ => null,
            };
            report.AddRatio(part.Name, name, "(c) over (b)", results.Bot.Median, results.Floor.Median, target);
            report.Add(part.Name, name, Pipeline, "s", results.Pipeline);
            report.Add(part.Name, name, $"{Pipeline}: its engine is ready", "s", results.EngineReady);
            Report(name, Pipeline, results.PipelineStages);
            report.AddRatio(part.Name, name, "(a) over (c)", results.Pipeline.Median, results.Bot.Median, name == Source ? Target.AtLeast(6) : null);
            report.AddRatio(part.Name, name, "(a) without its engine's start over (c)", results.Job.Median, results.Bot.Median);
        }

        private void Report(string name, string way, StageTimes stages)
        {
            foreach (var (stage, times) in stages.All)
            {
                report.Add(part.Name, name, $"{way}: {stage}", "s", times);
            }
        }
    }

    private string NextVersion() => string.Create(CultureInfo.InvariantCulture, $"v1.0.{++_versions}");

    private sealed class Results
    {
        public Samples Pipeline { get; } = new();

        /// <summary>The part of <see cref="Pipeline"/> before the job itself.</summary>
        public Samples EngineReady { get; } = new();

        /// <summary>The other part.</summary>
        public Samples Job
        {
            get
            {
                var job = new Samples();
                foreach (var (whole, engine) in Pipeline.Values.Zip(EngineReady.Values))
                {
                    job.Add(whole - engine);
                }

                return job;
            }
        }

        public StageTimes PipelineStages { get; } = new();

        public Samples Floor { get; } = new();

        public StageTimes FloorStages { get; } = new();

        public Samples Bot { get; } = new();

        public StageTimes Stages { get; } = new();

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"(a) {Pipeline.Values[^1]:F2} s, (b) {Floor.Values[^1]:F2} s, (c) {Bot.Values[^1]:F2} s");
    }
}
