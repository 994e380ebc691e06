using System.Text.Json;
using ReleaseBot.Engine;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Context;

/// <summary>
/// The service's own re-root in a process that does nothing else, so that its peak of memory is its own. It has another archive to stream before, for as long as .NET
/// takes until its code is compiled for good: a service has done so when it gets a large one, and the compiler's memory is as much as is measured.
/// </summary>
/// <param name="Seconds">From the archive's opening to the context's last byte.</param>
/// <param name="Bytes">Of the files written.</param>
/// <param name="PeakBytes">The most that was resident meanwhile, the runtime with it.</param>
internal sealed record RerootRun(double Seconds, long Bytes, long PeakBytes)
{
    /// <summary>The command line that has this program do it, with two paths behind it: of what it streams before, and of the archive.</summary>
    public const string Argument = "reroot-archive";
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    public double MegabytesPerSecond => Bytes / 1e6 / Seconds;

    public double PeakMegabytes => PeakBytes / 1e6;

    public static async Task<RerootRun> RunAsync(SourceArchive before, SourceArchive archive, CancellationToken cancellationToken)
    {
        // The collector that the service has.
        var environment = new Dictionary<string, string> { ["DOTNET_gcServer"] = "0" };
        var (exitCode, output) = await ServerProcess.RunAsync(
            "dotnet", [typeof(RerootRun).Assembly.Location, Argument, before.Path, archive.Path], environment, AppContext.BaseDirectory, Limit, cancellationToken);
        var run = exitCode == 0 ? JsonSerializer.Deserialize<RerootRun>(output) : null;
        return run?.Bytes == archive.Bytes
            ? run
            : throw new InvalidOperationException($"The re-root wrote {run?.Bytes} of {archive.Bytes} bytes and ended with {exitCode}: {output}");
    }

    /// <summary>In the process of its own: prints what <see cref="RunAsync"/> reads.</summary>
    public static async Task<int> ServeAsync(string before, string path)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(began) < WarmUp)
        {
            await RerootAsync(before);
        }

        ProcessMemory.ForgetPeak();
        began = TimeProvider.System.GetTimestamp();
        var summary = await RerootAsync(path);
        var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        Console.WriteLine(JsonSerializer.Serialize(new RerootRun(seconds, summary.Bytes, ProcessMemory.Of(Environment.ProcessId).Peak)));
        return 0;
    }

    private static async Task<ContextSummary> RerootAsync(string path)
    {
        await using var archive = File.OpenRead(path);
        await using var nowhere = new FileStream("/dev/null", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        return await BuildContext.WriteAsync(archive, nowhere, new ContextOptions(), CancellationToken.None);
    }
}
