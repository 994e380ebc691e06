using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;

namespace ReleaseBot.Benchmarks.Context;

/// <summary>
/// An archive as GitLab serves it, in a folder that goes with it: one folder at its top, a quarter of its bytes in files of 16 KB, the rest in files
/// of 4 MB; each half text and half noise.
/// </summary>
internal sealed class SourceArchive : IDisposable
{
    private const string Top = "shop-v1.2.3";
    private const int Megabyte = 1_000_000;
    private const int SmallBytes = 16_384;
    private const int LargeBytes = 4 * Megabyte;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-bench-context-");

    private SourceArchive()
    {
    }

    public string Path => System.IO.Path.Combine(_folder.FullName, "archive.tar.gz");

    public long PackedBytes => new FileInfo(Path).Length;

    /// <summary>Of its files, unpacked.</summary>
    public long Bytes { get; private set; }

    public static async Task<SourceArchive> CreateAsync(int megabytes, CancellationToken cancellationToken)
    {
        var archive = new SourceArchive();
        try
        {
            archive.ExpectRoom((long)megabytes * Megabyte);
            await archive.WriteAsync((long)megabytes * Megabyte, cancellationToken);
            return archive;
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Before, rather than on a full disk that others use too.</summary>
    private void ExpectRoom(long bytes)
    {
        var free = new DriveInfo(_folder.FullName).AvailableFreeSpace;
        if (free < bytes + (bytes / 2))
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"An archive of {bytes / 1e6:F0} MB needs as much room again and a half below {_folder.Parent}, where {free / 1e6:F0} MB are free. Set TMPDIR to another folder."));
        }
    }

    private async Task WriteAsync(long bytes, CancellationToken cancellationToken)
    {
        var random = new Random(20);
        await using var file = File.Create(Path);
        await using var gzip = new GZipStream(file, CompressionLevel.Fastest);
        await using var tar = new TarWriter(gzip, TarEntryFormat.Pax);
        await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, $"{Top}/"), cancellationToken);
        await AddAsync(tar, "Dockerfile", "FROM scratch\nCOPY . /\n"u8.ToArray(), cancellationToken);
        for (var number = 0; Bytes < bytes; number++)
        {
            // 81 small ones weigh a third of a large one.
            var isLarge = number % 82 == 81;
            var content = Content(random, isLarge ? LargeBytes : SmallBytes);
            await AddAsync(tar, string.Create(CultureInfo.InvariantCulture, $"area-{number % 50}/{(isLarge ? "asset" : "Thing")}{number}"), content, cancellationToken);
        }
    }

    private async Task AddAsync(TarWriter tar, string path, byte[] content, CancellationToken cancellationToken)
    {
        await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, $"{Top}/{path}") { DataStream = new MemoryStream(content) }, cancellationToken);
        Bytes += content.Length;
    }

    private static byte[] Content(Random random, int length)
    {
        var content = random.GetItems("etaoinshrdlu (){};=.\n"u8, length);
        random.NextBytes(content.AsSpan(length / 2));
        return content;
    }
}
