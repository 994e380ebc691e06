namespace ReleaseBot.GitLab;

/// <summary>Our part of a GitLab Release's description, between two comments that Markdown does not show; the rest is the project's.</summary>
internal static class ReleaseDescription
{
    private const string Begin = "<!-- releasebot:begin -->";
    private const string End = "<!-- releasebot:end -->";

    /// <summary>Puts the block where the earlier one was, else at the end. A begin without an end is text like any other.</summary>
    public static string WithBlock(string? existing, string block)
    {
        var content = block.Replace(Begin, "", StringComparison.Ordinal).Replace(End, "", StringComparison.Ordinal).Trim();
        var marked = $"{Begin}\n{content}\n{End}";
        if (string.IsNullOrWhiteSpace(existing))
        {
            return marked;
        }

        var end = existing.IndexOf(End, StringComparison.Ordinal);
        // The begin nearest to the end, so that a stray one before it does not swallow the project's text.
        var begin = end < 0 ? -1 : existing.LastIndexOf(Begin, end, StringComparison.Ordinal);
        return begin < 0 ? $"{existing.TrimEnd()}\n\n{marked}" : string.Concat(existing.AsSpan(0, begin), marked, existing.AsSpan(end + End.Length));
    }
}
