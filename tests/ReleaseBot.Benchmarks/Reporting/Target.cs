using System.Globalization;

namespace ReleaseBot.Benchmarks.Reporting;

/// <summary>What a figure has to reach.</summary>
internal sealed record Target(double Value, bool IsFloor)
{
    public static Target AtLeast(double value) => new(value, IsFloor: true);

    public static Target AtMost(double value) => new(value, IsFloor: false);

    public bool IsMetBy(double value) => IsFloor ? value >= Value : value <= Value;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(IsFloor ? "≥" : "≤")} {Value:0.###}");
}
