namespace ReleaseBot.Engine.Building;

/// <summary>
/// Listens to a build's log for the words of a full disk (ENOSPC, as the C library and Go word it). A program that meets it says so in its output,
/// and to the builder with nothing but its exit code. Only the last lines count: a step may live with it, and fail of something else.
/// </summary>
internal sealed class NoSpace(IBuildLog log) : IBuildLog
{
    private const int LastLines = 40;

    private int _since = LastLines;

    /// <summary>One of the last lines said it.</summary>
    public bool WasSaid => _since < LastLines;

    public static bool IsIn(string text) => text.Contains("no space left on device", StringComparison.OrdinalIgnoreCase);

    public void WriteLine(string line)
    {
        _since = IsIn(line) ? 0 : Math.Min(_since + 1, LastLines);
        log.WriteLine(line);
    }
}
