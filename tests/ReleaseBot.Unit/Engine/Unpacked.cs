using System.Formats.Tar;
using System.Text;

namespace ReleaseBot.Unit.Engine;

/// <summary>An entry as System.Formats.Tar, and so anybody else, reads it.</summary>
internal sealed record Unpacked(string Name, TarEntryType Type, string Link, UnixFileMode Mode, DateTimeOffset ModifiedAt, string Text)
{
    public static IReadOnlyList<Unpacked> All(byte[] tar)
    {
        var entries = new List<Unpacked>();
        using var reader = new TarReader(new MemoryStream(tar));
        while (reader.GetNextEntry() is { } entry)
        {
            using var content = new MemoryStream();
            entry.DataStream?.CopyTo(content);
            entries.Add(new Unpacked(entry.Name, entry.EntryType, entry.LinkName, entry.Mode, entry.ModificationTime, Encoding.UTF8.GetString(content.ToArray())));
        }

        return entries;
    }
}
