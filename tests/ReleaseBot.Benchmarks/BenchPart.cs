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

    public abstract Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken);

    /// <summary>A line on how it goes.</summary>
    protected void Say(string text) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {TimeProvider.System.GetElapsedTime(_began).TotalSeconds,6:F1} s  {Name}: {text}"));
}
