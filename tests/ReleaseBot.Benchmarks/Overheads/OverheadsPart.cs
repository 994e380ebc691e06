using System.Globalization;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Overheads;

/// <summary>
/// What a release costs besides its build and its push: an image of a few bytes, one release at a time, so that nothing waits for anything but the
/// bot. With all of it in one process, and with a database, a broker and a worker of their own.
/// </summary>
internal sealed class OverheadsPart : BenchPart
{
    private const int Releases = 40;
    private const int WarmUps = 5;

    private static readonly Target Limit = Target.AtMost(100);

    private static readonly (string Name, Target? Limit, Func<ReleaseTimes, TimeSpan> Of)[] Spans =
    [
        ("hook sent to queued", Limit, times => times.QueuedAt - times.HookSentAt),
        ("queued to build start", Limit, times => times.BegunAt - times.QueuedAt),
        ("last push to published", null, times => times.PublishedAt - times.LastPushAt),
    ];

    public override string Name => "overheads";

    public override string Summary => "what the bot adds to build and push, in-memory bus on SQLite, RabbitMQ and PostgreSQL";

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        await using var world = await OverheadWorld.StartAsync(options.ProgramPath, cancellationToken);
        var rounds = world.Setups.ToDictionary(setup => setup, _ => new List<List<ReleaseTimes>>());
        foreach (var setup in world.Setups)
        {
            await ReleaseAsync(world, setup, options.IsShort ? 1 : WarmUps, cancellationToken);
        }

        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var setup in Turns(world.Setups, round))
            {
                var times = await ReleaseAsync(world, setup, options.IsShort ? 2 : Releases, cancellationToken);
                rounds[setup].Add(times);
                Say($"{setup.Name}, round {round + 1} of {options.Rounds}: {string.Join(", ", Spans.Select(span => string.Create(CultureInfo.InvariantCulture, $"{span.Name} {Milliseconds(times, span.Of).Median:F1} ms")))}");
            }
        }

        foreach (var (setup, times) in rounds)
        {
            Report(report, setup.Name, times);
        }
    }

    private static async Task<List<ReleaseTimes>> ReleaseAsync(OverheadWorld world, OverheadSetup setup, int count, CancellationToken cancellationToken)
    {
        List<ReleaseTimes> times = [];
        for (var i = 0; i < count; i++)
        {
            times.Add(await world.ReleaseAsync(setup, cancellationToken));
        }

        return times;
    }

    /// <summary>The median by rounds; the tail of all releases together, of which one round has too few.</summary>
    private void Report(BenchReport report, string setup, List<List<ReleaseTimes>> rounds)
    {
        foreach (var (name, limit, of) in Spans)
        {
            var medians = new Samples();
            foreach (var round in rounds)
            {
                medians.Add(Milliseconds(round, of).Median);
            }

            var all = Milliseconds(rounds.SelectMany(round => round), of);
            report.Add(Name, setup, $"{name}, p50", "ms", medians);
            report.Add(Name, setup, string.Create(CultureInfo.InvariantCulture, $"{name}, p99 of {all.Count}"), "ms", all.Percentile(0.99), limit);
        }
    }

    private static Samples Milliseconds(IEnumerable<ReleaseTimes> releases, Func<ReleaseTimes, TimeSpan> of)
    {
        var samples = new Samples();
        foreach (var release in releases)
        {
            samples.Add(of(release).TotalMilliseconds);
        }

        return samples;
    }
}
