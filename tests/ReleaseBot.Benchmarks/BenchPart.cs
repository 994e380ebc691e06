using System.Globalization;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks;

/// <summary>One comparison: what it measures it adds to the report.</summary>
internal abstract class BenchPart
{
    private readonly long _began = TimeProvider.System.GetTimestamp();

    /// <summary>As on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>In one line, for <c>--help</c>.</summary>
    public abstract string Summary { get; }

    /// <summary>What <c>--case</c> chooses from; empty where the part has none.</summary>
    public virtual IReadOnlyList<string> CaseNames => [];

    public abstract Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken);

    /// <summary>
    /// The order in which things are measured in a round: from one round to the next it is turned round, and every second time shifted, so that none always
    /// comes first and none always follows the same other one. Three things come in all their six orders.
    /// </summary>
    protected static IEnumerable<T> Turns<T>(IReadOnlyList<T> things, int round)
    {
        var shifted = Enumerable.Range(0, things.Count).Select(i => things[(i + round / 2) % things.Count]);
        return round % 2 == 0 ? shifted : shifted.Reverse();
    }

    /// <summary>A line on how it goes.</summary>
    protected void Say(string text) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {TimeProvider.System.GetElapsedTime(_began).TotalSeconds,6:F1} s  {Name}: {text}"));
}
