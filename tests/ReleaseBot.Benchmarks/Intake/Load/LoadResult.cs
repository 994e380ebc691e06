using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Intake.Load;

/// <summary>What came of a load.</summary>
/// <param name="Elapsed">From the first request to the last answer.</param>
/// <param name="Latencies">Of the answers, in seconds.</param>
/// <param name="Machine">What the processors did meanwhile, the load's own part with it.</param>
internal sealed record LoadResult(int Sent, int Answered, TimeSpan Elapsed, Samples Latencies, MachineTimes Machine)
{
    public double PerSecond => Answered / Elapsed.TotalSeconds;

    public double Milliseconds(double part) => Latencies.Percentile(part) * 1000;
}
