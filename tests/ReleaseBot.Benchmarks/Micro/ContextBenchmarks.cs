using System.Formats.Tar;
using System.IO.Compression;
using BenchmarkDotNet.Attributes;
using ReleaseBot.Engine;

namespace ReleaseBot.Benchmarks.Micro;

/// <summary>What it costs to make a build context of GitLab's archive: unzip it, take its folder off every path, and leave out what is ignored.</summary>
public class ContextBenchmarks
{
    private const int Files = 500;
    private const int FileBytes = 8192;
    private const string Rules = "**/node_modules\n*.md\n!README.md\nsrc/**/*.tmp\n.git\n";

    private readonly byte[] _archive = Archive();
    private readonly ContextOptions _whole = new();
    private readonly ContextOptions _narrowed = new() { Ignore = DockerIgnore.Parse(Rules) };
    private readonly string[] _paths = [.. Enumerable.Range(0, Files).Select(number => PathOf(number)["shop-v1.2.3/".Length..])];

    [GlobalSetup]
    public void Check()
    {
        Work.Expect(Reroot().GetAwaiter().GetResult() is { Bytes: (Files + 1L) * FileBytes, Ignored: 0 }, "every file is in the context");
        Work.Expect(RerootIgnoring().GetAwaiter().GetResult() is { Ignored: > 0 }, "some files are left out");
        Work.Expect(Ignored() == Files / 5, "one file in five is ignored");
    }

    [Benchmark(Description = "re-root an archive of 4 MB, 501 files")]
    public Task<ContextSummary> Reroot() => BuildContext.WriteAsync(new MemoryStream(_archive), Stream.Null, _whole, CancellationToken.None);

    [Benchmark(Description = "the same by five rules of .dockerignore")]
    public Task<ContextSummary> RerootIgnoring() => BuildContext.WriteAsync(new MemoryStream(_archive), Stream.Null, _narrowed, CancellationToken.None);

    [Benchmark(Description = "500 paths against five rules of .dockerignore")]
    public int Ignored() => _paths.Count(_narrowed.Ignore.IsIgnored);

    private static string PathOf(int number) => number % 5 == 0
        ? $"shop-v1.2.3/web/node_modules/package-{number}/index.js"
        : $"shop-v1.2.3/src/area-{number % 20}/Thing{number}.cs";

    /// <summary>As GitLab serves it. The text is of a kind that packs to a third or so.</summary>
    private static byte[] Archive()
    {
        var random = new Random(20);
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        using (var tar = new TarWriter(gzip, TarEntryFormat.Pax))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "shop-v1.2.3/"));
            Add(tar, "shop-v1.2.3/Dockerfile", random);
            for (var number = 0; number < Files; number++)
            {
                Add(tar, PathOf(number), random);
            }
        }

        return packed.ToArray();
    }

    private static void Add(TarWriter tar, string path, Random random)
    {
        var text = random.GetItems("etaoinshrdlu (){};=.\n"u8, FileBytes);
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(text) });
    }
}
