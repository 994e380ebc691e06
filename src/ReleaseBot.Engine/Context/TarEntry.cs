namespace ReleaseBot.Engine;

/// <summary>One entry of a tree, whether it comes out of an archive or off the disk. The same object is filled again for every entry.</summary>
internal sealed class TarEntry
{
    /// <summary>One of <see cref="TarFormat"/>'s types.</summary>
    public byte Type { get; set; }

    /// <summary>Bytes of content that follow; 0 for what is no file.</summary>
    public long Size { get; set; }

    public long Mode { get; set; }

    /// <summary>Seconds since 1970.</summary>
    public long ModifiedAt { get; set; }

    public ByteText Path { get; } = new();

    /// <summary>What a link points to.</summary>
    public ByteText Link { get; } = new();

    public bool IsFile => Type is TarFormat.RegularFile;
}
