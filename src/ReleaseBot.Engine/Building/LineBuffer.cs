using System.Text;

namespace ReleaseBot.Engine.Building;

/// <summary>
/// Makes lines of the chunks that a build's output comes in. A chunk may end anywhere, also within a character; bytes that are not UTF-8 become
/// U+FFFD. What a line has beyond <see cref="LongestLine"/> characters is dropped: as a line of its own it could begin within a secret, which no
/// mask would know.
/// </summary>
internal sealed class LineBuffer(Action<string> write)
{
    public const int LongestLine = 32 * 1024;

    private readonly Decoder _decoder = new UTF8Encoding(false, throwOnInvalidBytes: false).GetDecoder();
    private readonly StringBuilder _line = new();

    public void Append(ReadOnlySpan<byte> chunk)
    {
        var text = new char[_decoder.GetCharCount(chunk, flush: false)];
        Append(text.AsSpan(0, _decoder.GetChars(chunk, text, flush: false)));
    }

    public void Append(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            var end = text.IndexOf('\n');
            var part = end < 0 ? text : text[..end];
            Add(part);
            if (end < 0)
            {
                return;
            }

            EndLine();
            text = text[(end + 1)..];
        }
    }

    /// <summary>Writes what has come of a line that will not be ended.</summary>
    public void Flush()
    {
        Span<char> rest = stackalloc char[8];
        Append(rest[.._decoder.GetChars([], rest, flush: true)]);
        if (_line.Length > 0)
        {
            EndLine();
        }
    }

    /// <summary>What a carriage return rewrites need not be kept (<see cref="LogText"/>), however long a progress bar goes on.</summary>
    private void Add(ReadOnlySpan<char> part)
    {
        var shown = part.TrimEnd('\r');
        var last = shown.LastIndexOf('\r');
        if (last >= 0 || (!shown.IsEmpty && _line.Length > 0 && _line[^1] == '\r'))
        {
            _line.Clear();
            part = part[(last + 1)..];
        }

        _line.Append(part[..Math.Min(part.Length, LongestLine - _line.Length)]);
    }

    private void EndLine()
    {
        write(LogText.Clean(_line.ToString()));
        _line.Clear();
    }
}
