using System.Runtime.Versioning;
using ReleaseBot.Engine;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Engine;

[SupportedOSPlatform("linux")]
public sealed class WorkTreeTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("rb-tree-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task A_Work_Tree_Is_Written_In_Order_Without_Git()
    {
        Write(".git/config", "secret");
        Write("sub/.git", "gitdir: ../.git/modules/sub");
        Write("sub/b", "b");
        Write("Dockerfile", "FROM scratch");
        Write("a.sh", "run");
        File.SetUnixFileMode(At("a.sh"), (UnixFileMode)0b111_101_101);
        File.CreateSymbolicLink(At("link"), "sub/b");
        File.SetLastWriteTimeUtc(At("a.sh"), ArchiveBuilder.Committed.UtcDateTime);

        var entries = await WriteAsync(new ContextOptions());

        entries.Select(entry => entry.Name).ShouldBe(["Dockerfile", "a.sh", "link", "sub/", "sub/b"]);
        entries[1].Mode.ShouldBe((UnixFileMode)0b111_101_101);
        entries[1].ModifiedAt.ShouldBe(ArchiveBuilder.Committed);
        entries[2].Link.ShouldBe("sub/b");
        entries[4].Text.ShouldBe("b");
    }

    [Fact]
    public async Task Dockerignore_And_Context_Count_Here_Too()
    {
        Write("Dockerfile", "");
        Write("app/Dockerfile", "");
        Write("app/logs/a", "");
        Write("app/logs/keep/b", "");
        Write("app/tmp/c", "");

        var entries = await WriteAsync(new ContextOptions { Context = "app", Ignore = DockerIgnore.Parse("logs\ntmp\n!logs/keep") });

        entries.Select(entry => entry.Name).ShouldBe(["Dockerfile", "logs/keep/", "logs/keep/b"]);
    }

    [Fact]
    public async Task Links_Are_Sent_And_Never_Followed()
    {
        Write("Dockerfile", "");
        Directory.CreateSymbolicLink(At("etc"), "/etc");
        File.CreateSymbolicLink(At("passwd"), "/etc/passwd");

        var entries = await WriteAsync(new ContextOptions());

        entries.Select(entry => (entry.Name, entry.Link, entry.Text)).ShouldBe([("Dockerfile", "", ""), ("etc", "/etc", ""), ("passwd", "/etc/passwd", "")]);
        (await FaultAsync(new ContextOptions { Context = "etc" })).ShouldBe(ContextFault.Unsafe);
        File.Delete(At("Dockerfile"));
        File.CreateSymbolicLink(At("Dockerfile"), "/etc/passwd");
        (await FaultAsync(new ContextOptions())).ShouldBe(ContextFault.Unsafe);
    }

    [Fact]
    public async Task What_Is_Missing_Or_Too_Large_Is_Told()
    {
        Write("app/dockerfile", new string('x', 5000));
        (await FaultAsync(new ContextOptions { Context = "api" })).ShouldBe(ContextFault.ContextMissing);
        (await FaultAsync(new ContextOptions { Context = "app" })).ShouldBe(ContextFault.DockerfileMissing);
        (await FaultAsync(new ContextOptions { MaxBytes = 4000 })).ShouldBe(ContextFault.TooLarge);
    }

    private string At(string path) => Path.Combine(_root.FullName, path);

    private void Write(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), content);
    }

    private async Task<IReadOnlyList<Unpacked>> WriteAsync(ContextOptions options)
    {
        var output = new MemoryStream();
        await BuildContext.WriteDirectoryAsync(_root.FullName, output, options, TestContext.Current.CancellationToken);
        return Unpacked.All(output.ToArray());
    }

    private async Task<ContextFault> FaultAsync(ContextOptions options) =>
        (await Should.ThrowAsync<ContextException>(() => WriteAsync(options))).Fault;
}
