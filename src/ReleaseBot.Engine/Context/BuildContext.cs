namespace ReleaseBot.Engine;

/// <summary>
/// Streams a repository as a build context: no temporary file, and a few hundred kilobytes of memory whatever the size. What waits for each part of it takes
/// its state from a pool (<see cref="System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder"/>): 16 MB of a large one's would lie about before .NET collects them.
/// </summary>
public static class BuildContext
{
    /// <summary>
    /// Turns the archive that GitLab serves (a gzipped tar with one folder at its top) into a plain tar of the context. What <paramref name="output"/>
    /// has received when this throws is no whole archive, and must not be ended as if it were.
    /// </summary>
    /// <exception cref="ContextException">The archive is not whole, or must not be built from.</exception>
    public static async Task<ContextSummary> WriteAsync(Stream archiveTarGz, Stream output, ContextOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        await using var unpacked = new GzipSource(archiveTarGz);
        using var blocks = new BlockReader(unpacked, options.MaxBytes);
        using var writer = new ContextWriter(output, options);
        var archive = new ArchiveReader(blocks);
        while (await archive.ReadAsync(cancellationToken))
        {
            var entry = archive.Entry;
            // What follows an entry that is no file is dropped; none should have any.
            var length = TarFormat.Padded(entry.Size);
            if (!entry.IsFile)
            {
                entry.Size = 0;
            }

            var isIncluded = StripFolder(entry) && await writer.TryBeginAsync(entry, cancellationToken);
            if (!await blocks.TryMoveAsync(length, isIncluded && entry.IsFile ? writer.Output : null, cancellationToken))
            {
                throw ContextErrors.Truncated($"it ends within '{entry.Path}'");
            }
        }

        return await writer.EndAsync(cancellationToken);
    }

    /// <summary>Turns a git work tree into a plain tar of the context, without <c>.git</c>.</summary>
    /// <inheritdoc cref="WriteAsync"/>
    public static async Task<ContextSummary> WriteDirectoryAsync(string directory, Stream output, ContextOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var writer = new ContextWriter(output, options);
        var tree = new WorkTree(directory, writer, options.MaxBytes);
        await tree.WriteAsync(cancellationToken);
        return await writer.EndAsync(cancellationToken);
    }

    /// <summary>Takes the archive's one folder off the paths. An entry beside or above that folder is not of the repository.</summary>
    private static bool StripFolder(TarEntry entry)
    {
        if (TarPath.IsAbsolute(entry.Path.Span) || TarPath.HasParentSegment(entry.Path.Span))
        {
            throw ContextErrors.Hostile(entry.Path.ToString(), "leaves the archive");
        }

        var cut = entry.Path.Span.IndexOf((byte)'/') + 1;
        if (cut == 0 || cut == entry.Path.Length)
        {
            return false;
        }

        entry.Path.RemoveStart(cut);
        if (entry.Type == TarFormat.HardLink)
        {
            entry.Link.RemoveStart(entry.Link.Span.IndexOf((byte)'/') + 1);
        }

        return true;
    }
}
