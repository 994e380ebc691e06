using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

namespace ReleaseBot.Unit.Engine;

/// <summary>Packs archives as GitLab serves them: pax, git's global header in front, everything below one folder, gzipped.</summary>
internal sealed class ArchiveBuilder : IDisposable
{
    public const string Folder = "shop-v1.2.3-0123456789abcdef/";

    public static readonly DateTimeOffset Committed = new(2026, 5, 4, 3, 2, 1, TimeSpan.Zero);

    private readonly MemoryStream _tar = new();
    private readonly TarWriter _writer;

    public ArchiveBuilder(TarEntryFormat format = TarEntryFormat.Pax)
    {
        _writer = new TarWriter(_tar, format, leaveOpen: true);
        if (format == TarEntryFormat.Pax)
        {
            _writer.WriteEntry(new PaxGlobalExtendedAttributesTarEntry(new Dictionary<string, string> { ["comment"] = new('a', 40) }));
        }

        Add(TarEntryType.Directory, "");
    }

    public ArchiveBuilder File(string path, string content = "content\n", UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite) =>
        Add(TarEntryType.RegularFile, path, content: Encoding.UTF8.GetBytes(content), mode: mode);

    public ArchiveBuilder Bytes(string path, byte[] content) => Add(TarEntryType.RegularFile, path, content: content);

    public ArchiveBuilder Directory(string path) => Add(TarEntryType.Directory, path + "/");

    public ArchiveBuilder Link(string path, string target) => Add(TarEntryType.SymbolicLink, path, target);

    public ArchiveBuilder HardLink(string path, string target) => Add(TarEntryType.HardLink, path, Folder + target);

    public ArchiveBuilder Fifo(string path) => Add(TarEntryType.Fifo, path);

    public ArchiveBuilder Device(string path) => Add(TarEntryType.CharacterDevice, path);

    /// <summary>The plain tar, with its end.</summary>
    public byte[] Tar()
    {
        _writer.Dispose();
        return _tar.ToArray();
    }

    public void Dispose()
    {
        _writer.Dispose();
        _tar.Dispose();
    }

    public byte[] Gzip() => Pack(Tar());

    public static byte[] Pack(ReadOnlySpan<byte> tar)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(tar);
        }

        return packed.ToArray();
    }

    public ArchiveBuilder Raw(string name, TarEntryType type = TarEntryType.RegularFile, string content = "")
    {
        AddNamed(type, name, null, Encoding.UTF8.GetBytes(content), UnixFileMode.UserRead);
        return this;
    }

    private ArchiveBuilder Add(TarEntryType type, string path, string? link = null, byte[]? content = null, UnixFileMode mode = UnixFileMode.UserRead)
    {
        AddNamed(type, Folder + path, link, content, mode);
        return this;
    }

    private void AddNamed(TarEntryType type, string name, string? link, byte[]? content, UnixFileMode mode)
    {
        TarEntry entry = _writer.Format switch
        {
            TarEntryFormat.Gnu => new GnuTarEntry(type, name),
            TarEntryFormat.Ustar => new UstarTarEntry(type, name),
            _ => new PaxTarEntry(type, name),
        };
        entry.ModificationTime = Committed;
        entry.Mode = mode;
        if (link is not null)
        {
            entry.LinkName = link;
        }

        if (content is { Length: > 0 })
        {
            entry.DataStream = new MemoryStream(content);
        }

        _writer.WriteEntry(entry);
    }
}
