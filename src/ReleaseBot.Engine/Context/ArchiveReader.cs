using System.Buffers.Text;

namespace ReleaseBot.Engine;

/// <summary>Reads the entries of a tar in any of the usual formats (ustar, pax, GNU), and insists on its proper end.</summary>
internal sealed class ArchiveReader(BlockReader blocks)
{
    private const int LongestExtension = 64 * 1024;

    private readonly ByteText _longName = new();
    private readonly ByteText _longLink = new();
    private long? _paxSize;
    private bool _hasEntries;

    public TarEntry Entry { get; } = new();

    /// <summary>Fills <see cref="Entry"/>; its content then has to be moved out of the blocks, filled up to whole ones.</summary>
    /// <returns>False at the proper end of the archive.</returns>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (!await blocks.TryFillAsync(TarFormat.BlockSize, cancellationToken))
            {
                throw _hasEntries || blocks.Span(1).Length > 0 || blocks.Total == 0
                    ? ContextErrors.Truncated(_hasEntries ? "it has no end" : "nothing came")
                    : ContextErrors.NotAnArchive("it holds no entries");
            }

            if (TarFormat.IsZero(blocks.Span(TarFormat.BlockSize)))
            {
                await ReadEndAsync(cancellationToken);
                return false;
            }

            if (await ReadHeaderAsync(cancellationToken))
            {
                return true;
            }
        }
    }

    private async ValueTask ReadEndAsync(CancellationToken cancellationToken)
    {
        if (!await blocks.TryFillAsync(2 * TarFormat.BlockSize, cancellationToken) || !TarFormat.IsZero(blocks.Span(2 * TarFormat.BlockSize)))
        {
            throw ContextErrors.Truncated("it has no end");
        }

        // Whatever unpacks it checks its own sums at its end.
        await blocks.DrainAsync(cancellationToken);
    }

    private async ValueTask<bool> ReadHeaderAsync(CancellationToken cancellationToken)
    {
        ParseHeader(blocks.Span(TarFormat.BlockSize));
        blocks.Advance(TarFormat.BlockSize);
        switch (Entry.Type)
        {
            case TarFormat.PaxGlobal:
                // git's note of the commit; nothing of it is about an entry.
                await MoveAsync(Entry.Size, cancellationToken);
                return false;
            case TarFormat.PaxEntry or TarFormat.GnuLongName or TarFormat.GnuLongLink:
                await ReadExtensionAsync(cancellationToken);
                return false;
            default:
                ApplyExtensions();
                return true;
        }
    }

    private void ParseHeader(ReadOnlySpan<byte> block)
    {
        if (!TarFormat.TryReadNumber(block[TarFormat.Checksum], out var sum) || sum != TarFormat.Sum(block))
        {
            throw _hasEntries ? ContextErrors.Truncated("an entry's header is damaged") : ContextErrors.NotAnArchive("it does not begin with a tar header");
        }

        _hasEntries = true;
        Entry.Type = block[TarFormat.Type];
        if (!TarFormat.TryReadNumber(block[TarFormat.Size], out var size) || size < 0 || !TarFormat.TryReadNumber(block[TarFormat.Mode], out var mode))
        {
            throw ContextErrors.NotAnArchive("an entry's header holds no numbers where they belong");
        }

        Entry.Size = size;
        Entry.Mode = mode & 0xFFF;
        Entry.ModifiedAt = TarFormat.TryReadNumber(block[TarFormat.ModifiedAt], out var time) ? Math.Max(time, 0) : 0;
        Entry.Path.Clear();
        // GNU keeps other things where ustar has the prefix.
        if (block[TarFormat.Magic][..6].SequenceEqual("ustar\0"u8) && block[TarFormat.Prefix][0] != 0)
        {
            Entry.Path.Append(TarFormat.ReadText(block[TarFormat.Prefix]));
            Entry.Path.Append("/"u8);
        }

        Entry.Path.Append(TarFormat.ReadText(block[TarFormat.Name]));
        Entry.Link.Set(TarFormat.ReadText(block[TarFormat.LinkName]));
    }

    private void ApplyExtensions()
    {
        if (_longName.Length > 0)
        {
            Entry.Path.Set(_longName.Span);
        }

        if (_longLink.Length > 0)
        {
            Entry.Link.Set(_longLink.Span);
        }

        Entry.Size = _paxSize ?? Entry.Size;
        _longName.Clear();
        _longLink.Clear();
        _paxSize = null;

        var endsAsFolder = Entry.Path.Span is [.., (byte)'/'];
        Entry.Type = Entry.Type switch
        {
            TarFormat.OldRegularFile when endsAsFolder => TarFormat.Folder,
            TarFormat.OldRegularFile or TarFormat.ContiguousFile => TarFormat.RegularFile,
            var type => type,
        };
        if (Entry.Size > blocks.Remaining)
        {
            throw ContextErrors.TooLarge(blocks.MaxBytes);
        }
    }

    private async ValueTask ReadExtensionAsync(CancellationToken cancellationToken)
    {
        if (Entry.Size > LongestExtension)
        {
            throw ContextErrors.NotAnArchive("an entry's name or its pax records are longer than 64 KiB");
        }

        var size = (int)Entry.Size;
        if (!await blocks.TryFillAsync((int)TarFormat.Padded(size), cancellationToken))
        {
            throw ContextErrors.Truncated("it ends within an entry's name");
        }

        var content = blocks.Span(size);
        switch (Entry.Type)
        {
            case TarFormat.GnuLongName:
                _longName.Set(TarFormat.ReadText(content));
                break;
            case TarFormat.GnuLongLink:
                _longLink.Set(TarFormat.ReadText(content));
                break;
            default:
                ReadPax(content);
                break;
        }

        blocks.Advance((int)TarFormat.Padded(size));
    }

    /// <summary>Records of the form <c>LENGTH KEY=VALUE\n</c>, where the length counts the whole record.</summary>
    private void ReadPax(ReadOnlySpan<byte> records)
    {
        while (!records.IsEmpty)
        {
            var blank = records.IndexOf((byte)' ');
            if (blank <= 0 || !Utf8Parser.TryParse(records[..blank], out int length, out var read) || read != blank
                || length <= blank + 1 || length > records.Length || records[length - 1] != '\n')
            {
                throw ContextErrors.NotAnArchive("an entry's pax records are malformed");
            }

            var record = records[(blank + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals > 0)
            {
                ReadPax(record[..equals], record[(equals + 1)..]);
            }

            records = records[length..];
        }
    }

    private void ReadPax(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("path"u8))
        {
            _longName.Set(value);
        }
        else if (key.SequenceEqual("linkpath"u8))
        {
            _longLink.Set(value);
        }
        else if (key.SequenceEqual("size"u8))
        {
            _paxSize = Utf8Parser.TryParse(value, out long size, out var read) && read == value.Length && size >= 0
                ? size
                : throw ContextErrors.NotAnArchive("an entry's size is no number");
        }
        else if (key.StartsWith("GNU.sparse."u8))
        {
            throw ContextErrors.NotAnArchive("it holds a sparse file, which git never packs");
        }
    }

    private async ValueTask MoveAsync(long size, CancellationToken cancellationToken)
    {
        if (!await blocks.TryMoveAsync(TarFormat.Padded(size), output: null, cancellationToken))
        {
            throw ContextErrors.Truncated("it ends within its first records");
        }
    }
}
