namespace ReleaseBot.Core;

/// <summary>
/// Masks the lines of one output as they come. Beyond <see cref="SecretMask"/> it knows the short end of a secret of several lines, which alone could
/// be any word, by the line before it.
/// </summary>
public sealed class LineMask(SecretMask mask)
{
    /// <summary>Lines of other steps may come between, since a build runs its steps side by side.</summary>
    private const int Window = 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _expected = new(StringComparer.Ordinal);

    public string Apply(string line)
    {
        var masked = mask.Apply(line);
        lock (_lock)
        {
            foreach (var (rest, left) in _expected.ToList())
            {
                if (EndOf(masked, rest) is { } end)
                {
                    masked = $"{masked[..(end - rest.Length)]}{SecretMask.Hidden}{masked[end..]}";
                    _expected.Remove(rest);
                }
                else if (left > 1)
                {
                    _expected[rest] = left - 1;
                }
                else
                {
                    _expected.Remove(rest);
                }
            }

            foreach (var rest in mask.RestsAfter(line))
            {
                _expected[rest] = Window;
            }
        }

        return masked;
    }

    /// <summary>Where the rest ends, if it is the line's last word: before it stands at most what a builder puts before each line.</summary>
    private static int? EndOf(string line, string rest)
    {
        var end = line.AsSpan().TrimEnd().Length;
        var start = end - rest.Length;
        return start >= 0 && line.AsSpan(start, rest.Length).SequenceEqual(rest) && (start == 0 || char.IsWhiteSpace(line[start - 1])) ? end : null;
    }
}
