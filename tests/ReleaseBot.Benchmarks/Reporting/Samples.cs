namespace ReleaseBot.Benchmarks.Reporting;

/// <summary>What was measured of one thing, round by round or event by event.</summary>
internal sealed class Samples
{
    private readonly List<double> _values = [];

    public int Count => _values.Count;

    /// <summary>In the order in which they were measured.</summary>
    public IReadOnlyList<double> Values => _values;

    public double Median => Percentile(0.5);

    public void Add(double value) => _values.Add(value);

    public void Add(TimeSpan time) => _values.Add(time.TotalSeconds);

    /// <summary>The smallest value that so large a part of all does not exceed (nearest rank).</summary>
    /// <param name="part">From 0 to 1.</param>
    public double Percentile(double part)
    {
        if (_values.Count == 0)
        {
            throw new InvalidOperationException("Nothing was measured.");
        }

        var sorted = _values.Order().ToArray();
        return part == 0.5 && sorted.Length % 2 == 0
            ? (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2
            : sorted[Math.Clamp((int)Math.Ceiling(part * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}
