using System.Formats.Tar;
using CsCheck;
using ReleaseBot.Engine;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Engine;

public sealed class BuildContextProperties
{
    private static readonly Gen<string> Name = Gen.Frequency((8, Gen.Char["abcxyz .-_äß€"].Array[1, 12]), (1, Gen.Char["ab€"].Array[90, 200]))
        .Select(characters => new string(characters)).Where(name => name is not ("." or "..") && name.Trim() == name);

    private static readonly Gen<string> Path = Name.Array[1, 5].Select(segments => string.Join('/', segments));

    private static readonly Gen<(string Path, byte[] Content, bool IsExecutable)> File =
        Gen.Select(Path, Gen.Frequency((4, Gen.Byte.Array[0, 2000]), (1, Gen.Byte.Array[60_000, 140_000])), Gen.Bool, (path, content, isExecutable) => (path, content, isExecutable));

    [Fact]
    public async Task Whatever_Tree_GitLab_Packs_Comes_Out_Equal() =>
        await File.Array[0, 12].SampleAsync(async files =>
        {
            files = [.. files.DistinctBy(file => file.Path)];
            var archive = new ArchiveBuilder().File("Dockerfile", "FROM scratch\n");
            foreach (var (path, content, isExecutable) in files)
            {
                archive.Bytes(path, content);
                archive.Link(path + ".link", isExecutable ? "./" + path.Split('/')[^1] : path.Split('/')[^1]);
            }

            var output = new MemoryStream();
            var summary = await BuildContext.WriteAsync(new MemoryStream(archive.Gzip()), output, new ContextOptions(), TestContext.Current.CancellationToken);

            summary.Bytes.ShouldBe(files.Sum(file => (long)file.Content.Length) + "FROM scratch\n".Length);
            output.Position = 0;
            using var reader = new TarReader(output);
            var names = new List<string>();
            while (reader.GetNextEntry(copyData: true) is { } entry)
            {
                names.Add(entry.Name);
                entry.ModificationTime.ShouldBe(ArchiveBuilder.Committed);
                if (entry.EntryType == TarEntryType.SymbolicLink)
                {
                    entry.LinkName.ShouldEndWith(entry.Name.Split('/')[^1][..^".link".Length]);
                }

                if (entry.EntryType == TarEntryType.RegularFile && entry.Name != "Dockerfile")
                {
                    var content = new MemoryStream();
                    entry.DataStream?.CopyTo(content);
                    content.ToArray().ShouldBe(files.Single(file => file.Path == entry.Name).Content);
                }
            }

            names.Count.ShouldBe(1 + 2 * files.Length);
        }, iter: 100, threads: 1);
}
