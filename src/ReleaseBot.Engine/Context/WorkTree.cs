namespace ReleaseBot.Engine;

/// <summary>Walks a git work tree in the order of names, so that equal trees give equal tars. Links are written, never followed.</summary>
internal sealed class WorkTree(string root, ContextWriter writer, long maxBytes)
{
    private readonly TarEntry _entry = new();
    private long _bytes;

    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        var folder = new DirectoryInfo(root);
        var path = "";
        foreach (var segment in writer.Context.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            folder = new DirectoryInfo(Path.Combine(folder.FullName, segment));
            path += segment + "/";
            if (folder.LinkTarget is { } target)
            {
                throw new ContextException(ContextFault.Unsafe, $"The context '{writer.Context}' goes through '{path[..^1]}', a symbolic link to '{target}'. Name the folder itself.");
            }
        }

        if (!folder.Exists)
        {
            throw ContextErrors.ContextMissing(writer.Context);
        }

        await WriteFolderAsync(folder, path, cancellationToken);
    }

    private async Task WriteFolderAsync(DirectoryInfo folder, string path, CancellationToken cancellationToken)
    {
        foreach (var child in folder.EnumerateFileSystemInfos().OrderBy(child => child.Name, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            // The repository's own, and those of submodules.
            if (child.Name == ".git")
            {
                continue;
            }

            if (child.LinkTarget is { } target)
            {
                Fill(child, path + child.Name, TarFormat.SymbolicLink, 0, target);
                await writer.TryBeginAsync(_entry, cancellationToken);
            }
            else if (child is DirectoryInfo subfolder)
            {
                await WriteSubfolderAsync(subfolder, path + child.Name + "/", cancellationToken);
            }
            else
            {
                await WriteFileAsync((FileInfo)child, path + child.Name, cancellationToken);
            }
        }
    }

    private async Task WriteSubfolderAsync(DirectoryInfo folder, string path, CancellationToken cancellationToken)
    {
        Fill(folder, path, TarFormat.Folder, 0, "");
        var isWritten = await writer.TryBeginAsync(_entry, cancellationToken);
        if (isWritten || !writer.IsLeftOut(_entry))
        {
            await WriteFolderAsync(folder, path, cancellationToken);
        }
    }

    private async Task WriteFileAsync(FileInfo file, string path, CancellationToken cancellationToken)
    {
        _bytes += file.Length;
        if (_bytes > maxBytes)
        {
            throw ContextErrors.TooLarge(maxBytes);
        }

        Fill(file, path, TarFormat.RegularFile, file.Length, "");
        if (!await writer.TryBeginAsync(_entry, cancellationToken))
        {
            return;
        }

        var length = _entry.Size;
        await using var content = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
        using var blocks = new BlockReader(content, long.MaxValue);
        if (!await blocks.TryMoveAsync(length, writer.Output, cancellationToken))
        {
            throw new ContextException(ContextFault.Truncated, $"'{path}' became shorter while it was read.");
        }

        await writer.Output.PadAsync(length, cancellationToken);
    }

    private void Fill(FileSystemInfo info, string path, byte type, long size, string link)
    {
        _entry.Type = type;
        _entry.Size = size;
        _entry.Mode = type == TarFormat.SymbolicLink ? 0x1FF : (long)info.UnixFileMode;
        _entry.ModifiedAt = new DateTimeOffset(info.LastWriteTimeUtc).ToUnixTimeSeconds();
        _entry.Path.Set(path);
        _entry.Link.Set(link);
    }
}
