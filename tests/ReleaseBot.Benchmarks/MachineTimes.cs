using System.Globalization;

namespace ReleaseBot.Benchmarks;

/// <summary>What the machine's processors did, of proc(5), in hundredths of a second of one processor.</summary>
/// <param name="Idle">They had nothing to do, or waited for a disk.</param>
/// <param name="Stolen">The host had them do somebody else's work.</param>
internal readonly record struct MachineTimes(long Idle, long Stolen, long All)
{
    /// <summary>Of all time, from 0 to 1.</summary>
    public double IdlePart => All == 0 ? 0 : (double)Idle / All;

    /// <summary>Of all time, from 0 to 1.</summary>
    public double StolenPart => All == 0 ? 0 : (double)Stolen / All;

    /// <summary>Since the machine started.</summary>
    public static MachineTimes Now()
    {
        // cpu user nice system idle iowait irq softirq steal; what follows is part of user and nice.
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var times = fields[1..9].Select(field => long.Parse(field, CultureInfo.InvariantCulture)).ToArray();
        return new MachineTimes(times[3] + times[4], times[7], times.Sum());
    }

    /// <summary>How many processes and threads were started since the machine was.</summary>
    public static long Forks() =>
        long.Parse(File.ReadLines("/proc/stat").First(line => line.StartsWith("processes ", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);

    public static MachineTimes operator -(MachineTimes later, MachineTimes earlier) => new(later.Idle - earlier.Idle, later.Stolen - earlier.Stolen, later.All - earlier.All);
}
