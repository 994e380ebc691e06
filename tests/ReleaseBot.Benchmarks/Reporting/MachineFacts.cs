using System.Runtime.InteropServices;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Reporting;

/// <summary>Where figures come from, as far as it bears on them.</summary>
/// <param name="Commit">Of the sources; with <c>+</c> behind it where they were changed since. Null outside of a clone.</param>
/// <param name="Load">Of the minute before the run.</param>
/// <param name="SyncMilliseconds">What it takes to write 4 KiB to the folder for temporary files, where all databases are, and to sync them: the median of a hundred.</param>
/// <param name="Packages">What is compared with or built upon, and its version in this system.</param>
internal sealed record MachineFacts(
    string? Commit, int Cores, string Processor, long MemoryBytes, string System, string Kernel, string Runtime, string Load, double SyncMilliseconds, IReadOnlyDictionary<string, string> Packages)
{
    private const int Syncs = 100;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly string[] Compared = ["docker.io", "docker-registry", "git", "postgresql*", "rabbitmq-server", "webhook"];

    public static async Task<MachineFacts> GatherAsync(CancellationToken cancellationToken) => new(
        await CommitAsync(cancellationToken), Environment.ProcessorCount, ProcessorName(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, RuntimeInformation.OSDescription,
        Text("/proc/sys/kernel/osrelease"), RuntimeInformation.FrameworkDescription, Text("/proc/loadavg").Split(' ')[0], SyncTime(), await PackagesAsync(cancellationToken));

    private static string Text(string path) => File.ReadAllText(path).Trim();

    private static string ProcessorName() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";

    private static async Task<string?> CommitAsync(CancellationToken cancellationToken) =>
        await OutputAsync("git", ["rev-parse", "HEAD"], cancellationToken) is { } commit
            ? commit.Trim() + (string.IsNullOrWhiteSpace(await OutputAsync("git", ["status", "--porcelain", "--", "src", "tests"], cancellationToken)) ? "" : "+")
            : null;

    private static async Task<Dictionary<string, string>> PackagesAsync(CancellationToken cancellationToken)
    {
        // It ends with 1 where one of them is not there, and says the others all the same.
        var (_, output) = await ServerProcess.RunAsync(
            "dpkg-query", ["--show", "--showformat", "${db:Status-Status} ${Package} ${Version}\n", .. Compared], new Dictionary<string, string>(), AppContext.BaseDirectory, Limit, cancellationToken);
        return output.Split('\n').Select(line => line.Split(' ')).Where(words => words is ["installed", _, _]).ToDictionary(words => words[1], words => words[2]);
    }

    private static async Task<string?> OutputAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        var (exitCode, output) = await ServerProcess.RunAsync(program, arguments, new Dictionary<string, string>(), Environment.CurrentDirectory, Limit, cancellationToken);
        return exitCode == 0 ? output : null;
    }

    private static double SyncTime()
    {
        var times = new Samples();
        var block = new byte[4096];
        using var file = new FileStream(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        for (var i = 0; i < Syncs; i++)
        {
            var began = TimeProvider.System.GetTimestamp();
            file.Write(block);
            file.Flush(flushToDisk: true);
            times.Add(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds);
        }

        return Math.Round(times.Median, 2);
    }
}
