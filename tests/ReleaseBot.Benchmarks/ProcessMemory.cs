using System.Globalization;

namespace ReleaseBot.Benchmarks;

/// <summary>Memory of a process, bytes (VmRSS and VmHWM of proc(5)).</summary>
/// <param name="Resident">What it holds now.</param>
/// <param name="Peak">The most it ever held, or since it forgot.</param>
internal sealed record ProcessMemory(long Resident, long Peak)
{
    public static ProcessMemory Of(int process)
    {
        var status = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/status"))
            .Where(line => line.StartsWith("Vm", StringComparison.Ordinal)).ToDictionary(line => line.Split(':')[0], line => line.Split(':')[1].Trim().Split(' ')[0]);
        return new ProcessMemory(Bytes("VmRSS"), Bytes("VmHWM"));

        long Bytes(string name) => long.Parse(status[name], CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>Of this process: what it holds now is its peak from here on (<c>/proc/self/clear_refs</c> of proc(5)).</summary>
    public static void ForgetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");
}
