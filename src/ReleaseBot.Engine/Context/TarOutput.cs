using System.Buffers;
using System.Runtime.CompilerServices;

namespace ReleaseBot.Engine;

/// <summary>
/// Writes a tar in GNU's format: the engine decides from the first kilobyte alone whether it was sent an archive, and a pax header in front fills
/// that up (moby/buildkit frontend/dockerui/context.go, isArchive).
/// </summary>
internal sealed class TarOutput(Stream target) : IDisposable
{
    private const int LargePart = 32 * 1024;

    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(128 * 1024);
    private int _length;
    private bool _isFirst = true;

    public async ValueTask WriteHeaderAsync(TarEntry entry, ReadOnlyMemory<byte> path, ReadOnlyMemory<byte> link, CancellationToken cancellationToken)
    {
        var isLong = path.Length > 100 || link.Length > 100;
        if (_isFirst && isLong)
        {
            // GNU's long name in front would fill the first kilobyte too.
            await RoomAsync(TarFormat.BlockSize, cancellationToken);
            Header(TarFormat.Folder, TarFormat.FolderMode, 0, 0, "./"u8, default);
        }

        _isFirst = false;
        if (path.Length > 100)
        {
            await ExtendAsync(TarFormat.GnuLongName, path, cancellationToken);
        }

        if (link.Length > 100)
        {
            await ExtendAsync(TarFormat.GnuLongLink, link, cancellationToken);
        }

        await RoomAsync(TarFormat.BlockSize, cancellationToken);
        Header(entry.Type, entry.Mode, entry.Size, entry.ModifiedAt, path.Span, link.Span);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (content.Length >= LargePart)
        {
            await FlushAsync(cancellationToken);
            await target.WriteAsync(content, cancellationToken);
            return;
        }

        await RoomAsync(content.Length, cancellationToken);
        content.Span.CopyTo(_buffer.AsSpan(_length));
        _length += content.Length;
    }

    public async ValueTask PadAsync(long size, CancellationToken cancellationToken)
    {
        var padding = (int)(TarFormat.Padded(size) - size);
        await RoomAsync(padding, cancellationToken);
        _buffer.AsSpan(_length, padding).Clear();
        _length += padding;
    }

    /// <summary>The two empty blocks at the end. Without them this is no whole archive, and nobody must take it for one.</summary>
    public async ValueTask EndAsync(CancellationToken cancellationToken)
    {
        await RoomAsync(2 * TarFormat.BlockSize, cancellationToken);
        _buffer.AsSpan(_length, 2 * TarFormat.BlockSize).Clear();
        _length += 2 * TarFormat.BlockSize;
        await FlushAsync(cancellationToken);
        await target.FlushAsync(cancellationToken);
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    private async ValueTask ExtendAsync(byte type, ReadOnlyMemory<byte> text, CancellationToken cancellationToken)
    {
        await RoomAsync(TarFormat.BlockSize, cancellationToken);
        Header(type, 0, text.Length + 1, 0, "././@LongLink"u8, default);
        await WriteAsync(text, cancellationToken);
        await WriteAsync(new byte[1], cancellationToken);
        await PadAsync(text.Length + 1, cancellationToken);
    }

    private void Header(byte type, long mode, long size, long modifiedAt, ReadOnlySpan<byte> path, ReadOnlySpan<byte> link)
    {
        var block = _buffer.AsSpan(_length, TarFormat.BlockSize);
        block.Clear();
        path[..Math.Min(path.Length, 100)].CopyTo(block[TarFormat.Name]);
        TarFormat.WriteNumber(block[TarFormat.Mode], mode);
        TarFormat.WriteNumber(block[TarFormat.Owner], 0);
        TarFormat.WriteNumber(block[TarFormat.Group], 0);
        TarFormat.WriteNumber(block[TarFormat.Size], size);
        TarFormat.WriteNumber(block[TarFormat.ModifiedAt], modifiedAt);
        block[TarFormat.Type] = type;
        link[..Math.Min(link.Length, 100)].CopyTo(block[TarFormat.LinkName]);
        "ustar  \0"u8.CopyTo(block[TarFormat.Magic]);
        // Six digits, a zero byte and a blank, as every tar writes it.
        TarFormat.WriteNumber(block[TarFormat.Checksum][..7], TarFormat.Sum(block));
        block[TarFormat.Checksum][7] = (byte)' ';
        _length += TarFormat.BlockSize;
    }

    private ValueTask RoomAsync(int length, CancellationToken cancellationToken) =>
        _length + length <= _buffer.Length ? ValueTask.CompletedTask : FlushAsync(cancellationToken);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_length > 0)
        {
            await target.WriteAsync(_buffer.AsMemory(0, _length), cancellationToken);
            _length = 0;
        }
    }
}
