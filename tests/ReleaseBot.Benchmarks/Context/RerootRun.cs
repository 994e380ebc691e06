using System.Text.Json;
using ReleaseBot.Engine;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Context;

/// <summary>The service's own re-root in a process that does nothing else, so that its peak of memory is its own.</summary>
/// <param name="Seconds">From the archive's opening to the context's last byte; the start of .NET is not in it, the compiling of the code is.</param>
/// <param name="Bytes">Of the files written.</param>
/// <param name="PeakBytes">The most that was ever resident, the runtime with it.</param>
internal sealed record RerootRun(double Seconds, long Bytes, long PeakBytes)
{
    /// <summary>The command line that has this program do it, with the archive's path behind it.</summary>
    public const string Argument = "reroot-archive";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    public double MegabytesPerSecond => Bytes / 1e6 / Seconds;

    public double PeakMegabytes => PeakBytes / 1e6;

    public static async Task<RerootRun> RunAsync(SourceArchive archive, CancellationToken cancellationToken)
    {
        // The collector that the service has.
        var environment = new Dictionary<string, string> { ["DOTNET_gcServer"] = "0" };
        var (exitCode, output) = await ServerProcess.RunAsync(
            "dotnet", [typeof(RerootRun).Assembly.Location, Argument, archive.Path], environment, AppContext.BaseDirectory, Limit, cancellationToken);
        var run = exitCode == 0 ? JsonSerializer.Deserialize<RerootRun>(output) : null;
        return run?.Bytes == archive.Bytes
            ? run
            : throw new InvalidOperationException($"The re-root wrote {run?.Bytes} of {archive.Bytes} bytes and ended with {exitCode}: {output}");
    }

    /// <summary>In the process of its own: prints what <see cref="RunAsync"/> reads.</summary>
    public static async Task<int> ServeAsync(string path)
    {
        var began = TimeProvider.System.GetTimestamp();
        ContextSummary summary;
        await using (var archive = File.OpenRead(path))
        await using (var nowhere = new FileStream("/dev/null", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0))
        {
            summary = await BuildContext.WriteAsync(archive, nowhere, new ContextOptions(), CancellationToken.None);
        }

        var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        Console.WriteLine(JsonSerializer.Serialize(new RerootRun(seconds, summary.Bytes, ProcessMemory.Of(Environment.ProcessId).Peak)));
        return 0;
    }
}
