using System.Buffers;
using System.Globalization;
using System.Text;

namespace ReleaseBot.Worker;

/// <summary>
/// The lines of a log that wait to be stored, in their order: the newest in memory, and what is too much for that in a temporary file. So who writes a
/// line never waits for the store, and memory stays flat. The file has no name once it is open, and goes with the process.
/// </summary>
/// <param name="folder">Where the file is made once it is needed.</param>
/// <param name="limit">Bytes that are kept of the whole log; the line that passes them is its last.</param>
/// <param name="lastLine">What is said after it.</param>
internal sealed class LogSpool(string folder, long limit, string lastLine) : IDisposable
{
    private const int MaxBytesInMemory = 1 << 20;

    private readonly Lock _lock = new();
    private readonly ArrayBufferWriter<byte> _newest = new();
    private FileStream? _file;
    private long _start;
    private long _end;
    private long _added;
    private long _taken;
    private int _waiting;
    private int _missing;
    private int _noted;
    private int _handedOut;
    private bool _isFull;

    /// <summary>Bytes that have come so far.</summary>
    public long Added
    {
        get
        {
            lock (_lock)
            {
                return _added;
            }
        }
    }

    /// <summary>Bytes that wait no more.</summary>
    public long Taken
    {
        get
        {
            lock (_lock)
            {
                return _taken;
            }
        }
    }

    /// <param name="line">Masked, since it may come to lie on a disk.</param>
    /// <returns>How many bytes wait now.</returns>
    public long Add(string line)
    {
        lock (_lock)
        {
            if (_isFull)
            {
                return _added - _taken;
            }

            if (_missing > 0 || _newest.WrittenCount >= MaxBytesInMemory && !TryMoveToFile())
            {
                // The disk takes nothing either. What is missing is missing in one place, where the log says so.
                _missing++;
                return _added - _taken;
            }

            Append(line);
            if (_added > limit)
            {
                Append(lastLine);
                _isFull = true;
            }

            return _added - _taken;
        }
    }

    /// <summary>Takes whole lines, the oldest first, of <paramref name="most"/> bytes in all, which is more than any line has; empty where none waits.</summary>
    public byte[] Take(int most)
    {
        lock (_lock)
        {
            var piece = _end > _start ? TakeFromFile(most) : TakeFromMemory(most);
            _taken += piece.Length;
            var lines = piece.AsSpan().Count((byte)'\n');
            _waiting -= lines;
            _handedOut = lines + NotedBesides();
            _noted = 0;
            if (_missing > 0 && _taken == _added)
            {
                piece = [.. piece, .. Encoding.UTF8.GetBytes(Missing())];
                _handedOut += _missing;
                _missing = 0;
            }

            return piece;
        }
    }

    /// <summary>Gives up what waits: in its stead the log says how many lines it lacks.</summary>
    public void Drop()
    {
        lock (_lock)
        {
            DropWaiting();
        }
    }

    /// <summary>Gives up the piece that was taken last, which could not be stored, and what waits behind it: the log says how many lines it lacks.</summary>
    public void Lose()
    {
        lock (_lock)
        {
            _missing += _handedOut;
            _handedOut = 0;
            DropWaiting();
        }
    }

    /// <summary>Takes no more lines.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isFull = true;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isFull = true;
            _file?.Dispose();
            (_file, _start, _end) = (null, 0, 0);
            _newest.ResetWrittenCount();
        }
    }

    private void Append(string line)
    {
        var before = _newest.WrittenCount;
        Encoding.UTF8.GetBytes(line, _newest);
        _newest.Write("\n"u8);
        _added += _newest.WrittenCount - before;
        _waiting++;
    }

    private bool TryMoveToFile()
    {
        try
        {
            _file ??= Open();
            RandomAccess.Write(_file.SafeFileHandle, _newest.WrittenSpan, _end);
            _end += _newest.WrittenCount;
            _newest.ResetWrittenCount();
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private FileStream Open()
    {
        var path = Path.Combine(folder, Path.GetRandomFileName());
        var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Delete,
            BufferSize = 0,
            UnixCreateMode = OperatingSystem.IsWindows() ? null : UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        File.Delete(path);
        return file;
    }

    private byte[] TakeFromFile(int most)
    {
        var piece = new byte[(int)Math.Min(most, _end - _start)];
        try
        {
            for (var read = 0; read < piece.Length;)
            {
                var count = RandomAccess.Read(_file!.SafeFileHandle, piece.AsSpan(read), _start + read);
                read += count > 0 ? count : throw new EndOfStreamException();
            }
        }
        catch (IOException)
        {
            DropWaiting();
            return TakeFromMemory(most);
        }

        piece = piece[..WholeLines(piece)];
        _start += piece.Length;
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
            _file!.SetLength(0);
        }

        return piece;
    }

    private byte[] TakeFromMemory(int most)
    {
        var waiting = _newest.WrittenSpan;
        var piece = waiting[..WholeLines(waiting[..Math.Min(most, waiting.Length)])].ToArray();
        var rest = waiting[piece.Length..].ToArray();
        _newest.ResetWrittenCount();
        _newest.Write(rest);
        return piece;
    }

    private static int WholeLines(ReadOnlySpan<byte> text) => text.LastIndexOf((byte)'\n') + 1;

    private void DropWaiting()
    {
        _missing += _waiting + NotedBesides();
        _noted = 0;
        _newest.ResetWrittenCount();
        (_start, _end, _waiting, _taken) = (0, 0, 0, _added);
        if (_missing > 0)
        {
            Append(Missing().TrimEnd('\n'));
            (_noted, _missing) = (_missing, 0);
        }
    }

    /// <summary>The line that says what is missing stands for as many as it says, should it go missing too. It waits in front of all others.</summary>
    private int NotedBesides() => Math.Max(0, _noted - 1);

    private string Missing() => string.Create(CultureInfo.InvariantCulture, $"[{_missing} lines came faster than they could be stored and are missing here]\n");
}
