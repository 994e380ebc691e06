using System.Collections.Concurrent;
using System.Globalization;
using ReleaseBot.Benchmarks.Reporting;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.Workers;

/// <summary>What claims cost.</summary>
/// <param name="PerSecond">Claims of all claimers together, each handed back before the next, so that the queue keeps its length.</param>
/// <param name="Milliseconds">Of each claim, without its handing back.</param>
internal sealed record ClaimRun(double PerSecond, Samples Milliseconds)
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    public static async Task<ClaimRun> RunAsync(RunQueue queue, int claimers, TimeSpan duration, CancellationToken cancellationToken)
    {
        var latencies = new ConcurrentBag<double>();
        var began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, claimers).Select(number => Task.Run(
            async () =>
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"{number}");
                while (latencies.IsEmpty || TimeProvider.System.GetElapsedTime(began) < duration)
                {
                    latencies.Add(await ClaimAsync(queue, name, cancellationToken));
                }
            },
            cancellationToken)));
        var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        var samples = new Samples();
        foreach (var latency in latencies)
        {
            samples.Add(latency);
        }

        return new ClaimRun(samples.Count / seconds, samples);
    }

    private static async Task<double> ClaimAsync(RunQueue queue, string name, CancellationToken cancellationToken)
    {
        var asked = TimeProvider.System.GetTimestamp();
        var claimed = await queue.ClaimAsync($"worker-{name}", $"engine-{name}", Lease, cancellationToken)
            ?? throw new InvalidOperationException("There is nothing to claim, where more releases wait than there are claimers.");
        var took = TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds;
        await queue.HandBackAsync(claimed, cancellationToken);
        return took;
    }
}
