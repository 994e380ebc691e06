using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Benchmarks.History;
using ReleaseBot.Benchmarks.Reporting;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.Workers;

/// <summary>How the queue's cost grows with what waits in it, and how many releases more workers get done, where their engines do nothing but wait.</summary>
internal sealed class WorkersPart : BenchPart
{
    private const string Claims = "claims";
    private const string Releases = "releases";
    private const int Most = 4;

    /// <summary>Of each slot in each measurement, after those that warm it up.</summary>
    private const int Builds = 12;
    private const int WarmUps = 3;
    private const int Projects = 24;

    /// <summary>A line that grows, the same with fewer projects, and one in which nearly all wait for their time.</summary>
    private static readonly Line[] Lines =
    [
        new("10 waiting", 10, 10, 10), new("1,000 waiting", 1000, 100, 1000), new("100,000 waiting", 100_000, 5000, 100_000),
        new("100,000 waiting, of 100 projects", 100_000, 100, 100_000), new("100,000 waiting, 10 of them due", 100_000, 5000, 10),
    ];

    private static readonly Line[] ShortLines = [new("10 waiting", 10, 10, 10), new("500 waiting, 10 of them due", 500, 50, 10)];
    private static readonly int[] Workers = [1, 2, Most];
    private static readonly int[] ShortWorkers = [1, 2];

    public override string Name => "workers";

    public override string Summary => "claims a second with 10, 1,000 and 100,000 waiting; releases a minute of 1, 2 and 4 workers whose engine only waits";

    public override IReadOnlyList<string> CaseNames => [Claims, Releases];

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        if (options.IsWanted(Claims))
        {
            await ClaimAsync(options, report, cancellationToken);
        }

        if (options.IsWanted(Releases))
        {
            await ReleaseAsync(options, report, cancellationToken);
        }
    }

    private async Task ClaimAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        List<Queue> queues = [];
        try
        {
            foreach (var line in options.IsShort ? ShortLines : Lines)
            {
                var rows = new WaitingReleases(line.Releases, line.Projects, line.Due);
                var sqlite = await SeededStore.SqliteAsync(rows.WriteAsync, _ => { }, cancellationToken);
                // With SQLite there is one process, and its claims come one after the other.
                queues.Add(new Queue(sqlite, line.Name, [1]));
                var postgres = await SeededStore.PostgresAsync(rows.WriteAsync, _ => { }, cancellationToken);
                queues.Add(new Queue(postgres, line.Name, [1, Most]));
                Say(line.Name);
            }

            var duration = TimeSpan.FromSeconds(options.IsShort ? 0.5 : 4);
            foreach (var queue in queues)
            {
                await queue.MeasureAsync(duration / 2, isKept: false, cancellationToken);
            }

            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var queue in Turns(queues, round))
                {
                    await queue.MeasureAsync(duration, isKept: true, cancellationToken);
                }

                Say($"claims, round {round + 1} of {options.Rounds}: {string.Join("; ", queues)}");
            }

            queues.ForEach(queue => queue.Report(this, report));
        }
        finally
        {
            foreach (var queue in queues)
            {
                await queue.DisposeAsync();
            }
        }
    }

    private async Task ReleaseAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        var wait = TimeSpan.FromSeconds(options.IsShort ? 0.2 : 1);
        var builds = options.IsShort ? 2 : Builds;
        var counts = options.IsShort ? ShortWorkers : Workers;
        await using var world = await FleetWorld.StartAsync(options.ProgramPath, counts[^1], options.IsShort ? 4 : Projects, wait, cancellationToken);
        var rates = counts.ToDictionary(count => count, _ => new Samples());
        var idle = counts.ToDictionary(count => count, _ => new Samples());
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var workers in Turns(counts, round))
            {
                var (rate, machine) = await world.MeasureAsync(workers, options.IsShort ? 1 : WarmUps, builds, cancellationToken);
                rates[workers].Add(rate);
                idle[workers].Add(machine.IdlePart * 100);
                Say(string.Create(CultureInfo.InvariantCulture, $"workers: {workers}, round {round + 1} of {options.Rounds}: {rates[workers].Values[^1]:F0} releases a minute"));
            }
        }

        world.ThrowIfUnexpected();
        foreach (var (workers, rate) in rates)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"workers: {workers}");
            report.Add(Name, name, string.Create(CultureInfo.InvariantCulture, $"releases, {FleetWorld.Slots} slots each, {wait.TotalSeconds} s a build"), "1/min", rate);
            report.AddRatio(Name, name, "over what the engines' waits alone allow", rate.Median, workers * FleetWorld.Slots / wait.TotalMinutes);
            report.Add(Name, name, "of the machine's processors idle", "%", idle[workers]);
            report.AddRatio(Name, name, "over 1 worker", rate.Median, rates[1].Median);
        }
    }

    private sealed record Line(string Name, int Releases, int Projects, int Due);

    /// <summary>A store in which so many releases wait, and what claiming from it cost.</summary>
    private sealed class Queue(SeededStore store, string line, int[] claimers) : IAsyncDisposable
    {
        private readonly ServiceProvider _services = store.OpenServices();
        private readonly Dictionary<int, (Samples Rate, Samples Median, Samples Tail)> _measured = claimers.ToDictionary(count => count, _ => (new Samples(), new Samples(), new Samples()));

        public async Task MeasureAsync(TimeSpan duration, bool isKept, CancellationToken cancellationToken)
        {
            foreach (var (count, (rate, median, tail)) in _measured)
            {
                var run = await ClaimRun.RunAsync(_services.GetRequiredService<RunQueue>(), count, duration, cancellationToken);
                if (isKept)
                {
                    rate.Add(run.PerSecond);
                    median.Add(run.Milliseconds.Median);
                    tail.Add(run.Milliseconds.Percentile(0.99));
                }
            }
        }

        public void Report(WorkersPart part, BenchReport report)
        {
            foreach (var (count, (rate, median, tail)) in _measured)
            {
                var subject = string.Create(CultureInfo.InvariantCulture, $"{store.Name}, {count} claiming");
                report.Add(part.Name, line, $"{subject}, claimed and handed back", "1/s", rate);
                report.Add(part.Name, line, $"{subject}, a claim, p50", "ms", median);
                report.Add(part.Name, line, $"{subject}, a claim, p99", "ms", tail);
            }
        }

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"{store.Name}, {line}: {string.Join(", ", _measured.Values.Select(one => one.Rate.Values[^1].ToString("F0", CultureInfo.InvariantCulture)))}/s");

        public async ValueTask DisposeAsync()
        {
            await _services.DisposeAsync();
            await store.DisposeAsync();
        }
    }
}
