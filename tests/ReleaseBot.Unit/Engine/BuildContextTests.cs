using System.Formats.Tar;
using System.Text;
using ReleaseBot.Engine;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Engine;

public sealed class BuildContextTests
{
    private static readonly ContextOptions Whole = new();

    [Theory]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.Ustar)]
    public async Task A_Tree_Comes_Out_Without_Its_Folder_And_Otherwise_As_It_Was(TarEntryFormat format)
    {
        var archive = new ArchiveBuilder(format)
            .File("Dockerfile", "FROM scratch\n").Directory("src").File("src/größe mit blank.txt", "ü")
            .File("run.sh", "#!/bin/sh\n", (UnixFileMode)0b111_101_101).File("empty", "").Link("latest", "src/größe mit blank.txt").HardLink("twin", "run.sh");

        var (entries, summary) = await RewriteAsync(archive.Gzip(), Whole);

        entries.Select(entry => entry.Name).ShouldBe(["Dockerfile", "src/", "src/größe mit blank.txt", "run.sh", "empty", "latest", "twin"]);
        entries[1].Type.ShouldBe(TarEntryType.Directory);
        entries[2].Text.ShouldBe("ü");
        entries[3].Mode.ShouldBe((UnixFileMode)0b111_101_101);
        entries[5].Link.ShouldBe("src/größe mit blank.txt");
        entries[6].ShouldSatisfyAllConditions(link => link.Type.ShouldBe(TarEntryType.HardLink), link => link.Link.ShouldBe("run.sh"));
        entries.ShouldAllBe(entry => entry.ModifiedAt == ArchiveBuilder.Committed);
        summary.ShouldBe(new ContextSummary(7, 0, "FROM scratch\n#!/bin/sh\nxx".Length));
    }

    [Theory]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    public async Task Long_Names_And_Long_Link_Targets_Are_Kept(TarEntryFormat format)
    {
        var folder = string.Join('/', Enumerable.Repeat(new string('d', 60), 5));
        var name = $"{folder}/{new string('n', 120)}";
        var archive = new ArchiveBuilder(format).File("Dockerfile").File(name, "far").Link("link", name);

        var (entries, _) = await RewriteAsync(archive.Gzip(), Whole);

        entries[1].ShouldSatisfyAllConditions(entry => entry.Name.ShouldBe(name), entry => entry.Text.ShouldBe("far"));
        entries[2].Link.ShouldBe(name);
    }

    // The engine looks for a tar header in the first kilobyte only.
    [Theory]
    [InlineData(20)]
    [InlineData(160)]
    public async Task The_First_Block_Is_A_Plain_Entry_However_Long_The_First_Name(int length)
    {
        var archive = new ArchiveBuilder().File(new string('a', length)).File("Dockerfile");

        var output = await WriteAsync(archive.Gzip(), Whole);

        output[156].ShouldBeOneOf((byte)'0', (byte)'5');
        output.AsSpan(257, 5).ToArray().ShouldBe("ustar"u8.ToArray());
    }

    [Fact]
    public async Task Names_That_Are_Not_Utf8_Keep_Their_Bytes()
    {
        var tar = new ArchiveBuilder(TarEntryFormat.Ustar).File("Dockerfile").File("caf@.txt").Tar();
        var at = tar.AsSpan().IndexOf("caf@.txt"u8);
        tar[at + 3] = 0xE9;
        FixChecksum(tar, at / 512 * 512);

        var output = await WriteAsync(ArchiveBuilder.Pack(tar), Whole);

        output.AsSpan().IndexOf((byte[])[.. "caf"u8, 0xE9, .. ".txt"u8]).ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Only_What_Is_Below_The_Context_Is_Written()
    {
        var archive = new ArchiveBuilder().File("Dockerfile").File("services/apix/no").Directory("services/api").File("services/api/Dockerfile").File("services/api/a/b").HardLink("services/api/c", "services/api/a/b");

        var (entries, _) = await RewriteAsync(archive.Gzip(), new ContextOptions { Context = "./services/api/" });

        entries.Select(entry => entry.Name).ShouldBe(["Dockerfile", "a/b", "c"]);
        entries[2].Link.ShouldBe("a/b");
    }

    [Fact]
    public async Task Dockerignore_Leaves_Out_All_But_The_Build_Files()
    {
        var archive = new ArchiveBuilder().File(".dockerignore").File("build/Dockerfile").File("build/other").File("src/a.log").File("src/b");
        var options = new ContextOptions { Dockerfile = "./build/Dockerfile", Ignore = DockerIgnore.Parse("**\n!src\n**/*.log") };

        var (entries, summary) = await RewriteAsync(archive.Gzip(), options);

        entries.Select(entry => entry.Name).ShouldBe([".dockerignore", "build/Dockerfile", "src/b"]);
        summary.Ignored.ShouldBe(2);
    }

    [Fact]
    public async Task An_Archive_Cut_Anywhere_Is_Refused_And_Leaves_No_Whole_Tar()
    {
        var tar = new ArchiveBuilder().File("Dockerfile").File("a", new string('x', 3000)).File("b").Tar();
        var contentEnd = tar.AsSpan().LastIndexOfAnyExcept((byte)0) / 512 * 512 + 512;
        for (var cut = 0; cut < contentEnd + 1024; cut += 256)
        {
            (await FaultAsync(ArchiveBuilder.Pack(tar.AsSpan(0, cut)), Whole)).ShouldBe(ContextFault.Truncated, $"cut at {cut} of {tar.Length}");
        }
    }

    [Fact]
    public async Task Compressed_Data_Cut_Anywhere_Is_Refused()
    {
        var packed = new ArchiveBuilder().File("Dockerfile").Bytes("noise", Noise(20_000)).Gzip();
        foreach (var cut in new[] { 1, 2, 3, 4, 5, 7, 8, 9, 100, 10_000, packed.Length - 12, packed.Length })
        {
            (await FaultAsync(packed[..^cut], Whole)).ShouldBe(ContextFault.Truncated, $"without the last {cut} bytes");
        }
    }

    [Fact]
    public async Task Damaged_Compressed_Data_Is_Refused()
    {
        var packed = new ArchiveBuilder().File("Dockerfile").Bytes("noise", Noise(20_000)).Gzip();
        packed[^6] ^= 1;
        (await FaultAsync(packed, Whole)).ShouldBe(ContextFault.Truncated);
    }

    [Fact]
    public async Task What_Is_No_Archive_Is_Said_To_Be_None()
    {
        (await FaultAsync("<html>Sign in to GitLab</html>"u8.ToArray(), Whole)).ShouldBe(ContextFault.NotAnArchive);
        (await FaultAsync(ArchiveBuilder.Pack(Noise(4096)), Whole)).ShouldBe(ContextFault.NotAnArchive);
        (await FaultAsync([], Whole)).ShouldBe(ContextFault.Truncated);
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("shop/../../outside")]
    [InlineData("shop/a/..")]
    [InlineData("/etc/passwd")]
    [InlineData("shop//etc/passwd")]
    public async Task Paths_That_Leave_The_Archive_Are_Refused_Even_Where_Ignored(string name)
    {
        var archive = new ArchiveBuilder().File("Dockerfile").Raw(name).Gzip();
        (await FaultAsync(archive, new ContextOptions { Ignore = DockerIgnore.Parse("**") })).ShouldBe(ContextFault.Unsafe);
    }

    [Theory]
    [InlineData("link", "../outside")]
    [InlineData("a/b/link", "../../../outside")]
    [InlineData("a/link", "../b/../../outside")]
    [InlineData("link", "/etc/passwd")]
    [InlineData("link", "..")]
    [InlineData("a/b/link", "../../Dockerfile")]
    [InlineData("link", "./a/../Dockerfile")]
    [InlineData("link", "nowhere")]
    public async Task Symbolic_Links_Are_Sent_As_They_Are(string path, string target)
    {
        var archive = new ArchiveBuilder().File("Dockerfile").Link(path, target).Gzip();

        var (entries, _) = await RewriteAsync(archive, Whole);

        entries.Select(entry => entry.Name).ShouldBe(["Dockerfile", path]);
        entries[1].Link.ShouldBe(target);
    }

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("../Dockerfile")]
    [InlineData("docker/../../Dockerfile")]
    public async Task Dockerfile_That_Is_A_Link_Out_Of_The_Context_Is_Refused_Even_Where_Ignored(string target)
    {
        var archive = new ArchiveBuilder().File("Dockerfile").Link("app/Dockerfile", target).Gzip();
        var options = new ContextOptions { Context = "app", Ignore = DockerIgnore.Parse("**") };

        var fault = await ShouldFailAsync(archive, options);

        fault.Fault.ShouldBe(ContextFault.Unsafe);
        fault.Message.ShouldContain("'app/Dockerfile' is a symbolic link to ");
    }

    [Fact]
    public async Task Dockerfile_That_Is_A_Link_Within_The_Context_Passes()
    {
        var (entries, _) = await RewriteAsync(new ArchiveBuilder().Link("Dockerfile", "docker/../docker/plain").File("docker/plain").Gzip(), Whole);
        entries[0].Link.ShouldBe("docker/../docker/plain");
    }

    [Theory]
    [InlineData(".dockerignore")]
    [InlineData("Dockerfile.dockerignore")]
    public async Task Ignore_File_That_Is_A_Link_Is_Refused_Since_Its_Rules_Cannot_Be_Read(string name)
    {
        var fault = await ShouldFailAsync(new ArchiveBuilder().File("Dockerfile").Link(name, "docker/ignore").Gzip(), Whole);
        fault.Fault.ShouldBe(ContextFault.Unsafe);
        fault.Message.ShouldContain($"'{name}' is a symbolic link");
    }

    [Fact]
    public async Task Hard_Links_To_What_Is_Not_In_The_Context_Are_Refused()
    {
        var outside = new ArchiveBuilder().File("secret").File("app/Dockerfile").HardLink("app/link", "secret").Gzip();
        (await FaultAsync(outside, new ContextOptions { Context = "app" })).ShouldBe(ContextFault.Unsafe);
        var ignored = new ArchiveBuilder().File("Dockerfile").File("secret").HardLink("link", "secret").Gzip();
        (await FaultAsync(ignored, new ContextOptions { Ignore = DockerIgnore.Parse("secret") })).ShouldBe(ContextFault.Unsafe);
    }

    [Fact]
    public async Task Devices_And_Pipes_Are_Refused_Unless_Ignored()
    {
        foreach (var archive in new[] { new ArchiveBuilder().File("Dockerfile").Fifo("odd").Gzip(), new ArchiveBuilder().File("Dockerfile").Device("odd").Gzip() })
        {
            (await FaultAsync(archive, Whole)).ShouldBe(ContextFault.Unsafe);
            (await RewriteAsync(archive, new ContextOptions { Ignore = DockerIgnore.Parse("odd") })).Entries.Count.ShouldBe(1);
        }
    }

    [Fact]
    public async Task A_Repository_Over_The_Limit_Is_Refused()
    {
        var archive = new ArchiveBuilder().File("Dockerfile").Bytes("big", new byte[1 << 20]).Gzip();
        (await FaultAsync(archive, new ContextOptions { MaxBytes = 1 << 20 })).ShouldBe(ContextFault.TooLarge);
        (await RewriteAsync(archive, new ContextOptions { MaxBytes = (1 << 20) + 32 * 1024 })).Entries.Count.ShouldBe(2);
        // Small files and headers count as well.
        var many = new ArchiveBuilder().File("Dockerfile");
        for (var i = 0; i < 100; i++)
        {
            many.File($"f{i}", "");
        }

        (await FaultAsync(many.Gzip(), new ContextOptions { MaxBytes = 20_000 })).ShouldBe(ContextFault.TooLarge);
    }

    // The content never comes; what matters is that the size is understood, neither cut to 33 bits nor taken for the default limit.
    [Theory]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    public async Task Sizes_Beyond_Eight_Gigabytes_Are_Understood(TarEntryFormat format)
    {
        const long Size = 10L << 30;
        var tar = new ArchiveBuilder(TarEntryFormat.Ustar).File("Dockerfile").File("huge", "x").Tar();
        var at = tar.AsSpan().IndexOf("huge"u8) / 512 * 512;
        var head = tar.AsSpan(0, at).ToArray().ToList();
        if (format == TarEntryFormat.Pax)
        {
            head.AddRange(PaxHeader($"20 size={Size}\n"));
        }

        var header = tar.AsSpan(at, 512).ToArray();
        if (format == TarEntryFormat.Gnu)
        {
            TarFormat.WriteNumber(header.AsSpan(124, 12), Size);
            FixChecksum(header, 0);
        }

        head.AddRange(header);
        var packed = ArchiveBuilder.Pack([.. head, .. new byte[4096]]);

        (await ShouldFailAsync(packed, Whole)).Fault.ShouldBe(ContextFault.TooLarge);
        var output = new MemoryStream();
        var fault = await Should.ThrowAsync<ContextException>(() => BuildContext.WriteAsync(new MemoryStream(packed), output, new ContextOptions { MaxBytes = 1L << 40 }, TestContext.Current.CancellationToken));
        fault.Fault.ShouldBe(ContextFault.Truncated);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0x1FFFFFFFFL)]
    [InlineData(0x200000000L)]
    [InlineData(1L << 45)]
    public void Numbers_Are_Read_As_They_Are_Written(long value)
    {
        var field = new byte[12];
        TarFormat.WriteNumber(field, value);
        TarFormat.TryReadNumber(field, out var read).ShouldBeTrue();
        read.ShouldBe(value);
    }

    [Fact]
    public async Task A_Missing_Dockerfile_Is_Told_With_What_Looks_Like_One()
    {
        var fault = await ShouldFailAsync(new ArchiveBuilder().File("docker/Dockerfile.dev").File("api/Containerfile").File("README").Gzip(), Whole);

        fault.Fault.ShouldBe(ContextFault.DockerfileMissing);
        fault.Message.ShouldContain("docker/Dockerfile.dev");
        fault.Message.ShouldContain("api/Containerfile");
        fault.Message.ShouldNotContain("README");
    }

    [Fact]
    public async Task A_Missing_Context_Is_Told()
    {
        var fault = await ShouldFailAsync(new ArchiveBuilder().File("Dockerfile").Gzip(), new ContextOptions { Context = "api" });
        fault.Fault.ShouldBe(ContextFault.ContextMissing);
        fault.Message.ShouldContain("'api'");
        (await FaultAsync(new ArchiveBuilder().Gzip(), Whole)).ShouldBe(ContextFault.ContextMissing);
    }

    [Fact]
    public async Task A_Fault_Of_The_Source_Flies_Out_Unchanged()
    {
        var fault = new IOException("GitLab hung up");
        var thrown = await Should.ThrowAsync<IOException>(() =>
            BuildContext.WriteAsync(new FaultyStream(fault), Stream.Null, Whole, TestContext.Current.CancellationToken));
        thrown.ShouldBeSameAs(fault);
    }

    private static async Task<byte[]> WriteAsync(byte[] archive, ContextOptions options)
    {
        var output = new MemoryStream();
        // In small and odd parts, as a network hands them out.
        await BuildContext.WriteAsync(new TricklingStream(archive), output, options, TestContext.Current.CancellationToken);
        return output.ToArray();
    }

    private static async Task<(IReadOnlyList<Unpacked> Entries, ContextSummary Summary)> RewriteAsync(byte[] archive, ContextOptions options)
    {
        var output = new MemoryStream();
        var summary = await BuildContext.WriteAsync(new TricklingStream(archive), output, options, TestContext.Current.CancellationToken);
        return (Unpacked.All(output.ToArray()), summary);
    }

    private static async Task<ContextException> ShouldFailAsync(byte[] archive, ContextOptions options)
    {
        var output = new MemoryStream();
        var fault = await Should.ThrowAsync<ContextException>(() =>
            BuildContext.WriteAsync(new MemoryStream(archive), output, options, TestContext.Current.CancellationToken));
        var written = output.ToArray();
        (written.Length >= 1024 && written.AsSpan(written.Length - 1024).IndexOfAnyExcept((byte)0) < 0).ShouldBeFalse("the tar was ended");
        return fault;
    }

    private static async Task<ContextFault> FaultAsync(byte[] archive, ContextOptions options) => (await ShouldFailAsync(archive, options)).Fault;

    private static byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(7).NextBytes(noise);
        return noise;
    }

    private static byte[] PaxHeader(string record)
    {
        var block = new byte[1024];
        "pax"u8.CopyTo(block);
        TarFormat.WriteNumber(block.AsSpan(100, 8), 0);
        TarFormat.WriteNumber(block.AsSpan(124, 12), record.Length);
        block[156] = (byte)'x';
        Encoding.ASCII.GetBytes(record).CopyTo(block, 512);
        FixChecksum(block, 0);
        return block;
    }

    private static void FixChecksum(byte[] tar, int at)
    {
        var block = tar.AsSpan(at, 512);
        TarFormat.WriteNumber(block.Slice(148, 7), TarFormat.Sum(block));
        block[155] = (byte)' ';
    }
}
