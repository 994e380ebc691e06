using System.Text;

namespace ReleaseBot.Engine.Building;

/// <summary>Makes the output of a build fit to be kept and shown: tabs and colours stay, everything else that steers a terminal goes.</summary>
internal static class LogText
{
    private const char Escape = '\u001b';

    public static string Clean(string line)
    {
        line = AfterLastReturn(line);
        if (!line.AsSpan().ContainsAnyInRange('\0', '\u001f') && !line.AsSpan().ContainsAnyInRange('\u007f', '\u009f'))
        {
            return line;
        }

        var clean = new StringBuilder(line.Length);
        for (var at = 0; at < line.Length;)
        {
            if (line[at] == Escape)
            {
                at = CopyColour(line, at, clean);
                continue;
            }

            if (line[at] == '\t' || !char.IsControl(line[at]))
            {
                clean.Append(line[at]);
            }

            at++;
        }

        return clean.ToString();
    }

    /// <summary>A progress bar rewrites its line over and over; what a terminal would show in the end is the last version.</summary>
    private static string AfterLastReturn(string line)
    {
        line = line.TrimEnd('\r');
        var at = line.LastIndexOf('\r');
        return at < 0 ? line : line[(at + 1)..];
    }

    /// <summary>Copies the sequence at <paramref name="start"/> if it is a colour (CSI … m), and returns where it ends in any case (ECMA-48, 5.4 and 5.6).</summary>
    private static int CopyColour(string line, int start, StringBuilder clean)
    {
        if (start + 1 >= line.Length)
        {
            return line.Length;
        }

        switch (line[start + 1])
        {
            case '[':
                var end = start + 2;
                while (end < line.Length && line[end] is >= '\u0020' and <= '\u003f')
                {
                    end++;
                }

                if (end < line.Length && line[end] == 'm' && !line.AsSpan(start + 2, end - start - 2).ContainsAnyExcept("0123456789;:"))
                {
                    clean.Append(line, start, end + 1 - start);
                }

                return Math.Min(end + 1, line.Length);
            // Strings such as a window's title run up to BEL or ESC \.
            case ']' or 'P' or 'X' or '^' or '_':
                var stop = line.AsSpan(start + 2).IndexOfAny('\u0007', Escape, '\u009c');
                return stop < 0 ? line.Length : line[start + 2 + stop] == Escape ? Math.Min(start + 4 + stop, line.Length) : start + 3 + stop;
            default:
                return start + 2;
        }
    }
}
