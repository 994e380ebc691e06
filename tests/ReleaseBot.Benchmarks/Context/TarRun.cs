using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Context;

/// <summary>GNU tar, which has gzip unpack in a process beside it, and writes the files' bytes.</summary>
internal static class TarRun
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    /// <returns>Megabytes of files a second, from the start of the process to its end.</returns>
    public static async Task<double> RunAsync(SourceArchive archive, CancellationToken cancellationToken)
    {
        var began = TimeProvider.System.GetTimestamp();
        // It gives the bytes to its standard output, which the shell alone can point elsewhere.
        var (exitCode, output) = await ServerProcess.RunAsync(
            "sh", ["-c", "exec tar -xzOf \"$0\" > /dev/null", archive.Path], new Dictionary<string, string>(), AppContext.BaseDirectory, Limit, cancellationToken);
        return exitCode == 0
            ? archive.Bytes / 1e6 / TimeProvider.System.GetElapsedTime(began).TotalSeconds
            : throw new InvalidOperationException($"tar ended with {exitCode}: {output}");
    }
}
