using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.GitLab;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>An image comes from the whole source or not at all.</summary>
public sealed class SourceTests(ServiceParts parts)
{
    private const string Tag = "v1.0.0";

    private const string LastFile = "zz/last.txt";

    private const string NeedsAllFiles =
        $"""
        FROM scratch
        COPY busybox /bin/busybox
        COPY . /src
        RUN ["/bin/busybox", "cat", "/src/{LastFile}"]
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(StandInFaultKind.ArchiveCut)]
    [InlineData(StandInFaultKind.ArchiveCutAtEntry)]
    [InlineData(StandInFaultKind.ArchiveNotGzip)]
    [InlineData(StandInFaultKind.Away)]
    public async Task Archive_That_Breaks_Is_Fetched_Again(StandInFaultKind kind)
    {
        await using var shop = await StartAsync();
        parts.GitLab.AddFault(new StandInFault { Kind = kind, Matches = ArchiveOf(shop), Times = 1 });

        var release = await shop.PublishAsync(Tag);

        await ShouldBeWholeAsync(shop, release);
    }

    [Fact]
    public async Task Archive_That_GitLab_Fails_To_Find_Is_Asked_For_Again()
    {
        await using var shop = await StartAsync();
        parts.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Status, Status = 404, Matches = ArchiveOf(shop), Body = """{"message":"404 File Not Found"}""", Times = 1 });

        var release = await shop.PublishAsync(Tag);

        await ShouldBeWholeAsync(shop, release);
    }

    [Fact]
    public async Task Archive_Limit_Of_GitLab_Is_Got_Round_By_Git()
    {
        await using var shop = await StartAsync();
        parts.GitLab.AddFault(new StandInFault
        {
            Kind = StandInFaultKind.Status,
            Status = 429,
            Matches = ArchiveOf(shop),
            Body = """{"message":{"error":"This archive has been requested too many times. Try again later."}}""",
        });

        var release = await shop.PublishAsync(Tag);

        await ShouldBeWholeAsync(shop, release);
        (await shop.Api.LogAsync(release.Id)).ShouldContain("by git");
    }

    [Fact]
    public async Task Submodules_Are_In_The_Image()
    {
        await using var shop = await ReleaseScenario.ShareAsync(
            parts, """
            FROM scratch
            COPY busybox /bin/busybox
            COPY . /src
            RUN ["/bin/busybox", "cat", "/src/lib/page.txt"]
            """);
        var library = await shop.AddProjectAsync($"{shop.Namespace}/library");
        await library.PushAsync(Cancellation, "main");
        var page = await File.ReadAllTextAsync(Path.Combine(library.Directory, "page.txt"), Cancellation);
        await ReleaseScenario.CommitAsync(shop.Clone, new() { [".gitmodules"] = "[submodule \"lib\"]\n\tpath = lib\n\turl = ../library.git\n" });
        await shop.Clone.GitAsync(Cancellation, "update-index", "--add", "--cacheinfo", $"160000,{await library.HeadAsync(Cancellation)},lib");
        await shop.Clone.GitAsync(Cancellation, "commit", "--quiet", "--message=Use the library");

        var release = await shop.PublishAsync(Tag);

        (await shop.Api.LogAsync(release.Id)).ShouldContain(page);
        Directory.EnumerateDirectories(Path.GetTempPath(), $"releasebot-{release.Id:N}*").ShouldBeEmpty();
    }

    private static string ArchiveOf(ReleaseScenario shop) => $"GET /api/v4/projects/{shop.Project.Id}/repository/archive";

    private async Task<ReleaseScenario> StartAsync()
    {
        var shop = await ReleaseScenario.ShareAsync(parts, NeedsAllFiles);
        var files = Enumerable.Range(0, 40).ToDictionary(number => $"files/{number}.txt", _ => (string?)Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToString());
        files[LastFile] = "the last file is here";
        await ReleaseScenario.CommitAsync(shop.Clone, files);
        return shop;
    }

    private static async Task ShouldBeWholeAsync(ReleaseScenario shop, ApiRelease release)
    {
        var log = await shop.Api.LogAsync(release.Id);
        log.ShouldContain("the last file is here");
        log.Split("built sha256:").Length.ShouldBe(2, log);
        await shop.DigestAsync(Tag);
    }
}
