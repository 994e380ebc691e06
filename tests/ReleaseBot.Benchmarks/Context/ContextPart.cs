using System.Globalization;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Context;

/// <summary>
/// How fast GitLab's archive becomes the engine's context, against tar reading the same file, and how much memory that takes. Each measurement is a
/// process of its own; each has the archive from the page cache and gives the bytes to /dev/null. The smallest archive is what a re-root streams before.
/// </summary>
internal sealed class ContextPart : BenchPart
{
    private const string Tar = "tar -xzO";
    private const string Reroot = "re-root";
    private static readonly int[] Megabytes = [100, 1000, 4000];
    private static readonly int[] ShortMegabytes = [5, 20];

    public override string Name => "context";

    public override string Summary => "GitLab's archive streamed into the engine's context, against tar reading it; memory at 100 MB, 1 GB and 4 GB";

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        List<(int Megabytes, double Peak)> peaks = [];
        var sizes = options.IsShort ? ShortMegabytes : Megabytes;
        using var smallest = await SourceArchive.CreateAsync(sizes[0], cancellationToken);
        foreach (var megabytes in sizes)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{megabytes} MB");
            using var archive = await SourceArchive.CreateAsync(megabytes, cancellationToken);
            Say($"{name}: the archive has {archive.PackedBytes / 1e6:F0} MB packed");
            Samples tar = new(), reroot = new(), peak = new();
            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var isTar in Turns([true, false], round))
                {
                    if (isTar)
                    {
                        tar.Add(await TarRun.RunAsync(archive, cancellationToken));
                        continue;
                    }

                    var run = await RerootRun.RunAsync(smallest, archive, cancellationToken);
                    reroot.Add(run.MegabytesPerSecond);
                    peak.Add(run.PeakMegabytes);
                }

                Say(string.Create(CultureInfo.InvariantCulture, $"{name}, round {round + 1} of {options.Rounds}: {Tar} {tar.Values[^1]:F0} MB/s, {Reroot} {reroot.Values[^1]:F0} MB/s with {peak.Values[^1]:F0} MB of memory"));
            }

            report.Add(Name, name, Tar, "MB/s", tar);
            report.Add(Name, name, Reroot, "MB/s", reroot);
            report.AddRatio(Name, name, $"{Reroot} over {Tar}", reroot.Median, tar.Median);
            report.Add(Name, name, $"{Reroot}, peak memory of its process", "MB", peak);
            peaks.Add((megabytes, peak.Median));
        }

        report.AddRatio(
            Name, "memory", string.Create(CultureInfo.InvariantCulture, $"peak at {peaks[^1].Megabytes} MB over peak at {peaks[0].Megabytes} MB"), peaks[^1].Peak, peaks[0].Peak,
            Target.AtMost(1.25));
    }
}
