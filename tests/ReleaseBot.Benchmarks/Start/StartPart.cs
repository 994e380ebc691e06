using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json.Nodes;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Start;

/// <summary>The program alone on one machine: SQLite, both roles, an engine that is not there, a GitLab that nobody asks.</summary>
internal sealed class StartPart : BenchPart
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

    public override string Name => "start";

    public override string Summary => "from the process's start to ready, memory at rest, the size of the program";

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        Samples ready = new(), memory = new();
        for (var round = 0; round < options.Rounds; round++)
        {
            await using var bot = await BotProgram.StartAsync(options.ProgramPath, Settings(), Secrets(), cancellationToken);
            ready.Add(bot.TimeToReady);
            await Task.Delay(options.IsShort ? TimeSpan.Zero : Rest, TimeProvider.System, cancellationToken);
            memory.Add(bot.Memory().Resident / 1e6);
            Say($"round {round + 1} of {options.Rounds}: ready after {ready.Values[^1]:F2} s, {memory.Values[^1]:F0} MB");
        }

        report.Add(Name, "SQLite, both roles", "start to ready, migrations included", "s", ready);
        report.Add(Name, "SQLite, both roles", "memory at rest", "MB", memory);
        var folder = Path.GetDirectoryName(options.ProgramPath)!;
        report.Add(Name, "program", "size on disk, without the .NET runtime", "MB", SizeOf(folder) / 1e6);
        report.Add(Name, "program", "its layer of the image, compressed", "MB", await LayerSizeAsync(folder, cancellationToken) / 1e6);
    }

    private static long SizeOf(string folder) => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    /// <summary>What the image of ops/Dockerfile has besides its base, as a registry would keep it.</summary>
    private static async Task<long> LayerSizeAsync(string folder, CancellationToken cancellationToken)
    {
        await using var layer = new FileStream(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
        await using (var gzip = new GZipStream(layer, CompressionLevel.Optimal, leaveOpen: true))
        {
            await TarFile.CreateFromDirectoryAsync(folder, gzip, includeBaseDirectory: false, cancellationToken);
        }

        return layer.Length;
    }

    private static Dictionary<string, string> Secrets() => new() { ["GitLab__Token"] = "glpat-of-nobody", ["GitLab__Webhook__Secrets__0"] = "a-secret-of-the-benchmark" };

    private static JsonObject Settings() => new()
    {
        ["GitLab"] = new JsonObject { ["Url"] = "http://127.0.0.1:1" },
        ["Registries"] = new JsonObject { ["hub"] = new JsonObject { ["Host"] = "127.0.0.1:1", ["Insecure"] = true } },
        ["Projects"] = new JsonArray(new JsonObject
        {
            ["Path"] = "acme/**",
            ["Images"] = new JsonArray(new JsonObject { ["Registry"] = "hub", ["Repository"] = "{project.path}", ["Tags"] = new JsonArray("{tag}") }),
        }),
        ["Engine"] = new JsonObject { ["Endpoint"] = "unix:///nonexistent/docker.sock" },
    };
}
