using System.Text;

namespace ReleaseBot.Engine;

/// <summary>
/// A context in memory or in a temporary file, for a builder that asks for files one by one. Nothing is unpacked: an entry is a place within the tar.
/// The file has no name once it is open, and goes with the process.
/// </summary>
internal sealed class SpooledContext : IAsyncDisposable
{
    private readonly FileStream? _file;
    private readonly ReadOnlyMemory<byte> _held;

    private SpooledContext(FileStream? file, ReadOnlyMemory<byte> held, IReadOnlyList<SpooledEntry> entries) =>
        (_file, _held, Entries) = (file, held, entries);

    /// <summary>Every entry after its folder, folder by folder; folders that the tar lacks are added.</summary>
    public IReadOnlyList<SpooledEntry> Entries { get; }

    public static async Task<SpooledContext> CreateAsync(Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Delete,
            BufferSize = 0,
            Options = FileOptions.Asynchronous,
            UnixCreateMode = OperatingSystem.IsWindows() ? null : UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        try
        {
            File.Delete(path);
            await write(file, cancellationToken);
            file.Position = 0;
            return new SpooledContext(file, default, await IndexAsync(file, cancellationToken));
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    /// <param name="tar">A whole one, which is not changed any more.</param>
    public static async Task<SpooledContext> OfAsync(MemoryStream tar, CancellationToken cancellationToken)
    {
        tar.Position = 0;
        return new SpooledContext(null, tar.GetBuffer().AsMemory(0, (int)tar.Length), await IndexAsync(tar, cancellationToken));
    }

    public ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        if (_file is not null)
        {
            return RandomAccess.ReadAsync(_file.SafeFileHandle, buffer, offset, cancellationToken);
        }

        var part = _held[(int)offset..];
        part = part[..Math.Min(part.Length, buffer.Length)];
        part.CopyTo(buffer);
        return ValueTask.FromResult(part.Length);
    }

    public ValueTask DisposeAsync() => _file?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static async Task<IReadOnlyList<SpooledEntry>> IndexAsync(Stream tar, CancellationToken cancellationToken)
    {
        var entries = new Dictionary<string, SpooledEntry>(StringComparer.Ordinal);
        using var blocks = new BlockReader(tar, long.MaxValue);
        var archive = new ArchiveReader(blocks);
        while (await archive.ReadAsync(cancellationToken))
        {
            var offset = blocks.MaxBytes - blocks.Remaining;
            var entry = Read(archive.Entry, offset, entries);
            if (entry.Path is not ("" or "."))
            {
                AddFolders(entry, entries);
                entries[entry.Path] = entry;
            }

            await blocks.TryMoveAsync(TarFormat.Padded(archive.Entry.Size), output: null, cancellationToken);
        }

        return [.. entries.Values.OrderBy(entry => entry.Path, PathOrder.Instance)];
    }

    private static SpooledEntry Read(TarEntry entry, long offset, Dictionary<string, SpooledEntry> earlier)
    {
        // Latin-1 keeps every byte as it is; names need not be UTF-8.
        var path = Encoding.Latin1.GetString(entry.Path.Span).TrimEnd('/');
        var link = Encoding.Latin1.GetString(entry.Link.Span);
        return entry.Type == TarFormat.HardLink && earlier.TryGetValue(link, out var target)
            ? target with { Path = path }
            : new SpooledEntry(path, entry.Type, entry.Mode, entry.ModifiedAt, entry.Type == TarFormat.SymbolicLink ? link : "", offset, entry.IsFile ? entry.Size : 0);
    }

    /// <summary>A folder that .dockerignore leaves out, and something within it does not, is not in the tar.</summary>
    private static void AddFolders(SpooledEntry entry, Dictionary<string, SpooledEntry> entries)
    {
        for (var end = entry.Path.IndexOf('/'); end >= 0; end = entry.Path.IndexOf('/', end + 1))
        {
            entries.TryAdd(entry.Path[..end], new SpooledEntry(entry.Path[..end], TarFormat.Folder, TarFormat.FolderMode, entry.ModifiedAt, "", 0, 0));
        }
    }

    /// <summary>A folder's content comes right after it, so a slash sorts before every other byte.</summary>
    private sealed class PathOrder : IComparer<string>
    {
        public static readonly PathOrder Instance = new();

        public int Compare(string? x, string? y) => string.CompareOrdinal(x!.Replace('/', '\0'), y!.Replace('/', '\0'));
    }
}

/// <summary>One entry of a spooled context.</summary>
/// <param name="Path">Without a slash at its end; each character is one byte of the name.</param>
/// <param name="Type">One of <see cref="TarFormat"/>'s types; never a hard link.</param>
/// <param name="ModifiedAt">Seconds since 1970.</param>
/// <param name="Link">A symbolic link's target, one byte a character.</param>
/// <param name="Offset">Where its content begins.</param>
internal sealed record SpooledEntry(string Path, byte Type, long Mode, long ModifiedAt, string Link, long Offset, long Size)
{
    /// <summary>A name as <see cref="Path"/> has it.</summary>
    public static string NameOf(string path) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(path));
}
