using System.Globalization;

namespace ReleaseBot.Benchmarks;

/// <summary>What a process has used of the processors, of proc(5).</summary>
internal static class ProcessTimes
{
    /// <summary>Its own time and that of the children which it has waited for, in ticks of the clock: hundredths of a second.</summary>
    public static long WithChildren(int process)
    {
        var line = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat"));
        // The name, in parentheses, may have spaces in it.
        var fromState = line[(line.LastIndexOf(')') + 2)..].Split(' ');
        // utime, stime, cutime and cstime are fields 14 to 17, the state is the third.
        return fromState[11..15].Sum(field => long.Parse(field, CultureInfo.InvariantCulture));
    }
}
