namespace ReleaseBot.Engine;

/// <summary>What can be said of a path within an archive by looking at it.</summary>
internal static class TarPath
{
    public static bool IsAbsolute(ReadOnlySpan<byte> path) => path is [(byte)'/', ..];

    public static bool HasParentSegment(ReadOnlySpan<byte> path)
    {
        foreach (var segment in path.Split((byte)'/'))
        {
            if (path[segment].SequenceEqual(".."u8))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a symbolic link at <paramref name="path"/> points out of the tree that the path is relative to.</summary>
    public static bool LeavesTree(ReadOnlySpan<byte> path, ReadOnlySpan<byte> target)
    {
        if (IsAbsolute(target) || target.Contains((byte)0))
        {
            return true;
        }

        var depth = path.TrimEnd((byte)'/').Count((byte)'/');
        foreach (var range in target.Split((byte)'/'))
        {
            var segment = target[range];
            if (segment.SequenceEqual(".."u8) && --depth < 0)
            {
                return true;
            }

            if (segment.Length > 0 && !segment.SequenceEqual("."u8) && !segment.SequenceEqual(".."u8))
            {
                depth++;
            }
        }

        return false;
    }

    public static bool LooksLikeDockerfile(ReadOnlySpan<byte> path)
    {
        var name = path[(path.LastIndexOf((byte)'/') + 1)..];
        return name.IndexOf("ockerfile"u8) >= 0 || name.IndexOf("ontainerfile"u8) >= 0;
    }
}
