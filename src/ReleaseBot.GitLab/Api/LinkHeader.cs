namespace ReleaseBot.GitLab;

/// <summary>The Link header of RFC 8288, as far as paging needs it: <c>&lt;https://…?page=2&gt;; rel="next", …</c>.</summary>
internal static class LinkHeader
{
    /// <summary>The address of <c>rel="next"</c>; null on the last page.</summary>
    public static string? Next(IEnumerable<string> values)
    {
        // A comma alone does not part two links: an address may hold one.
        foreach (var link in values.SelectMany(value => value.Split(", <")))
        {
            var end = link.IndexOf('>', StringComparison.Ordinal);
            if (end > 0 && IsNext(link[(end + 1)..]))
            {
                return link[..end].TrimStart('<', ' ');
            }
        }

        return null;
    }

    private static bool IsNext(string parameters) =>
        parameters.Split(';', StringSplitOptions.TrimEntries)
            .Any(parameter => parameter is "rel=\"next\"" or "rel=next");
}
