using System.Formats.Tar;
using System.IO.Compression;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.StandIns.GitLab;
using Shouldly;
using Xunit;
using static ReleaseBot.Integration.GitLab.GitLabFixture;

namespace ReleaseBot.Integration.GitLab;

public sealed class GitLabClientTests
{
    [Theory]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("http://127.0.0.1:0/gitlab")]
    public async Task Projects_And_Refs_Are_Found_As_They_Are(string url)
    {
        await using var fixture = await GitLabFixture.StartAsync(new GitLabStandInOptions { Url = new Uri(url) });
        var commit = ObjectId.Parse(await fixture.CommitAsync("Dockerfile", "FROM scratch\n"));
        var annotated = ObjectId.Parse(await fixture.Clone.TagAsync("v1.0.0", "Spring sale", Cancellation));
        await fixture.Clone.TagAsync("release/2026/1", null, Cancellation);
        await fixture.Clone.PushAsync(Cancellation, "main", "main:feature/login", "v1.0.0", "release/2026/1");
        fixture.Project.ProtectedTags.Add("v*");
        fixture.Project.ProtectedBranches.Add("main");

        var project = await fixture.Client.GetProjectAsync("acme/shop", Cancellation);
        project.ShouldBe(await fixture.Client.GetProjectAsync(42, Cancellation));
        project!.HttpCloneUrl.ShouldBe(fixture.Project.CloneUrl);
        project.DefaultBranch.ShouldBe("main");
        (await fixture.Client.GetProjectAsync(43, Cancellation)).ShouldBeNull();

        var tag = await fixture.Client.GetRefAsync(42, GitRef.Tag("v1.0.0"), Cancellation);
        (tag!.IsProtected, tag.Target, tag.Commit).ShouldBe((true, annotated, commit));
        var lightweight = await fixture.Client.GetRefAsync(42, GitRef.Tag("release/2026/1"), Cancellation);
        (lightweight!.IsProtected, lightweight.Target, lightweight.Commit).ShouldBe((false, commit, commit));
        (await fixture.Client.GetRefAsync(42, GitRef.Branch("main"), Cancellation))!.IsProtected.ShouldBeTrue();
        (await fixture.Client.GetRefAsync(42, GitRef.Branch("feature/login"), Cancellation))!.IsProtected.ShouldBeFalse();
        (await fixture.Client.GetRefAsync(42, GitRef.Branch("v1.0.0"), Cancellation)).ShouldBeNull();
        (await fixture.Client.GetRefAsync(42, GitRef.Tag("v1"), Cancellation)).ShouldBeNull();
        // A folder of tags is not a tag.
        (await fixture.Client.GetRefAsync(42, GitRef.Tag("release"), Cancellation)).ShouldBeNull();

        (await fixture.Client.GetFileAsync(42, commit, "Dockerfile", 100, Cancellation)).ShouldBe("FROM scratch\n"u8.ToArray());
        (await fixture.Client.GetFileAsync(42, commit, ".dockerignore", 100, Cancellation)).ShouldBeNull();
        fixture.GitLab.UnexpectedRequests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Lists_Are_Whole_Over_Several_Pages_And_The_Latest_Comes_First()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        var commit = await fixture.CommitAsync("Dockerfile", "FROM scratch\n");
        await fixture.Clone.PushAsync(Cancellation, "main");
        await fixture.GitLab.CreateTagAsync(fixture.Project, "annotated", commit, "made now", "root", Cancellation);
        var names = Enumerable.Range(1, 230).Select(number => $"v0.0.{number}").ToList();
        var refspecs = names.Select(name => $"{commit}:refs/tags/{name}").ToArray();
        await fixture.Clone.PushAsync(Cancellation, refspecs);

        var tags = await fixture.Client.ListTagsAsync(42, Cancellation).ToListAsync(Cancellation);
        tags.Select(tag => tag.Name).Order().ShouldBe(names.Append("annotated").Order());
        tags.ShouldAllBe(tag => tag.Commit.Value == commit);
        fixture.GitLab.Requests.Count(request => request.Path.EndsWith("/tags", StringComparison.Ordinal)).ShouldBe(3);

        for (var number = 1; number <= 120; number++)
        {
            await fixture.GitLab.AddProjectAsync($"acme/p{number}", null, Cancellation);
        }

        fixture.GitLab.FindProject("acme/p1")!.IsArchived = true;
        fixture.GitLab.FindProject("acme/p2")!.IsMember = false;
        var projects = await fixture.Client.ListProjectsAsync(Cancellation).ToListAsync(Cancellation);
        projects.Count.ShouldBe(119);
        projects.Select(project => project.LastActivityAt).ShouldBeInOrder(SortDirection.Descending);
        fixture.GitLab.UnexpectedRequests.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_Archive_Streams_Whole_Below_One_Folder()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        await fixture.CommitAsync("src/app.txt", new string('x', 300_000));
        var commit = await fixture.CommitAsync("Dockerfile", "FROM scratch\n");
        await fixture.Clone.PushAsync(Cancellation, "main");
        var entries = await ReadAsync(fixture, commit);
        entries.ShouldBe([$"shop-{commit}-{commit}/Dockerfile", $"shop-{commit}-{commit}/src/app.txt"], ignoreOrder: true);

        var missing = await Fails(() => fixture.Client.OpenArchiveAsync(42, ObjectId.Parse(new string('e', 40)), Cancellation));
        missing.Fault.ShouldBe(GitLabFault.NotFound);
    }

    [Fact]
    public async Task A_Cut_Archive_Is_An_Error_And_A_Limited_One_Says_So()
    {
        await using var fixture = await GitLabFixture.StartAsync(new GitLabStandInOptions { ArchiveLimitPerMinute = 4 });
        var random = new byte[300_000];
        new Random(1).NextBytes(random);
        await fixture.CommitAsync("a.txt", Convert.ToBase64String(random));
        var commit = await fixture.CommitAsync("b.txt", "b");
        await fixture.Clone.PushAsync(Cancellation, "main");

        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.ArchiveCut, Times = 1, Matches = "archive" });
        (await Fails(() => ReadAsync(fixture, commit))).Fault.ShouldBe(GitLabFault.Unavailable);
        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.ArchiveNotGzip, Times = 1, Matches = "archive" });
        await Should.ThrowAsync<InvalidDataException>(() => ReadAsync(fixture, commit));
        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.ArchiveCutAtEntry, Times = 1, Matches = "archive" });
        var cut = await UnpackAsync(fixture, commit);
        (cut.Length % 512).ShouldBe(0);
        cut.AsSpan(cut.Length - 1024).ContainsAnyExcept((byte)0).ShouldBeTrue("the end-of-archive blocks are missing");
        (await UnpackAsync(fixture, commit)).Length.ShouldBeGreaterThan(cut.Length);

        var limited = await Fails(() => ReadAsync(fixture, commit));
        (limited.Fault, limited.RetryAfter, limited.IsTransient).ShouldBe((GitLabFault.RateLimitedArchive, null, true));
    }

    [Fact]
    public async Task The_Token_Is_Checked_And_A_Lacking_One_Is_Told_What_It_Lacks()
    {
        await using var fixture = await GitLabFixture.StartAsync(new GitLabStandInOptions { ReadOnlyToken = "glpat-may-only-read" });
        var commit = ObjectId.Parse(await fixture.CommitAsync("a.txt", "a"));
        await fixture.Clone.PushAsync(Cancellation, "main");
        (await fixture.Client.CheckTokenAsync(Cancellation)).Scopes.ShouldBe(["api"]);

        using var readOnly = fixture.ClientWith("glpat-may-only-read");
        var check = await readOnly.CheckTokenAsync(Cancellation);
        (check.Username, check.ExpiresAt).ShouldBe(("releasebot", new DateOnly(2099, 12, 31)));
        check.Scopes.ShouldBe(["read_api", "read_repository"]);
        var denied = await Fails(() => readOnly.SetCommitStatusAsync(42, commit, GitRef.Branch("main"), CommitState.Success, "done", null, Cancellation));
        denied.Fault.ShouldBe(GitLabFault.Denied);
        denied.Message.ShouldContain("scope api");

        using var wrong = fixture.ClientWith("glpat-wrong");
        var unknown = await Fails(() => wrong.CheckTokenAsync(Cancellation));
        unknown.Fault.ShouldBe(GitLabFault.Denied);
        unknown.Message.ShouldNotContain("glpat");
    }

    [Fact]
    public async Task Faults_Strike_Between_Two_Calls()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        var first = await fixture.CommitAsync("a.txt", "1");
        await fixture.Clone.TagAsync("v1", null, Cancellation);
        var second = await fixture.CommitAsync("a.txt", "2");
        await fixture.Clone.PushAsync(Cancellation, "main", "v1");
        await fixture.GitLab.AddProjectAsync("other/one", 77, Cancellation);
        fixture.GitLab.AddFault(new StandInFault
        {
            Kind = StandInFaultKind.MoveRef,
            Matches = "GET /api/v4/projects/42/repository/tags/v1",
            Skip = 1,
            Times = 1,
            Project = ProjectPath,
            Ref = "refs/tags/v1",
            To = second,
        });
        fixture.GitLab.AddFault(new StandInFault
        {
            Kind = StandInFaultKind.DeleteRef,
            Matches = "GET /api/v4/projects/42/repository/tags/v1",
            Skip = 2,
            Times = 1,
            Project = ProjectPath,
            Ref = "refs/tags/v1",
        });
        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.OtherProject, Matches = "GET /api/v4/projects/42", Project = "other/one" });

        var tag = GitRef.Tag("v1");
        (await fixture.Client.GetRefAsync(42, tag, Cancellation))!.Commit.Value.ShouldBe(first);
        (await fixture.Client.GetRefAsync(42, tag, Cancellation))!.Commit.Value.ShouldBe(second);
        (await fixture.Client.GetRefAsync(42, tag, Cancellation)).ShouldBeNull();
        (await fixture.Client.GetProjectAsync(42, Cancellation))!.Id.ShouldBe(77);

        fixture.GitLab.ClearFaults();
        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Away, Times = 2 });
        (await fixture.Client.GetProjectAsync(42, Cancellation))!.Id.ShouldBe(42, "two short outages are waited out");
        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Status, Status = 429, RetryAfterSeconds = 33 });
        (await Fails(() => fixture.Client.GetProjectAsync(42, Cancellation))).RetryAfter.ShouldBe(TimeSpan.FromSeconds(33));
    }

    [Fact]
    public async Task GitLab_Away_Is_Unavailable()
    {
        var fixture = await GitLabFixture.StartAsync();
        await fixture.GitLab.DisposeAsync();
        (await Fails(() => fixture.Client.GetProjectAsync(42, Cancellation))).Fault.ShouldBe(GitLabFault.Unavailable);
        fixture.Client.Dispose();
        fixture.Clone.Dispose();
    }

    [Fact]
    public async Task A_Commit_Status_Goes_Forward_And_May_Be_Repeated()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        var commit = ObjectId.Parse(await fixture.CommitAsync("a.txt", "1"));
        await fixture.Clone.PushAsync(Cancellation, "main");
        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Status, Status = 409, Times = 1, Matches = "POST /api/v4/projects/42/statuses" });
        foreach (var state in (CommitState[])[CommitState.Pending, CommitState.Pending, CommitState.Running, CommitState.Running, CommitState.Success])
        {
            await fixture.Client.SetCommitStatusAsync(42, commit, GitRef.Branch("main"), state, new string('x', 400), new Uri("https://bot.example/releases/1"), Cancellation);
        }

        var status = fixture.Project.Statuses.ShouldHaveSingleItem();
        (status.Name, status.State, status.Ref, status.TargetUrl).ShouldBe(("releasebot/publish", "success", "main", "https://bot.example/releases/1"));
        status.Description!.Length.ShouldBe(255);
    }

    [Fact]
    public async Task A_Release_Is_Made_Once_And_Then_Kept_Up_Without_Clobbering()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        await fixture.CommitAsync("a.txt", "1");
        await fixture.Clone.TagAsync("v1", null, Cancellation);
        await fixture.Clone.TagAsync("v2/x", null, Cancellation);
        await fixture.Clone.PushAsync(Cancellation, "main", "v1", "v2/x");
        var link = new ReleaseLink("registry.example/acme/shop:v1", new Uri("https://registry.example/acme/shop"));
        var tag = GitRef.Tag("v1");

        await fixture.Client.UpsertReleaseAsync(42, tag, "first", [link], Cancellation);
        await fixture.Client.UpsertReleaseAsync(42, tag, "first", [link], Cancellation);
        var release = fixture.Project.Releases["v1"];
        release.Links.ShouldHaveSingleItem().LinkType.ShouldBe("image");
        await fixture.Client.UpsertReleaseAsync(42, tag, "second",
            [link with { Url = new Uri("https://registry.example/moved") }, new ReleaseLink("docs", new Uri("https://docs.example/"))], Cancellation);
        release = fixture.Project.Releases["v1"];
        release.Links.Select(kept => (kept.Name, kept.Url)).ShouldBe([(link.Name, "https://registry.example/moved"), ("docs", "https://docs.example/")]);
        release.Description.ShouldBe("<!-- releasebot:begin -->\nsecond\n<!-- releasebot:end -->");
        await fixture.Client.UpsertReleaseAsync(42, GitRef.Tag("v2/x"), "block", [], Cancellation);
        await fixture.Client.UpsertReleaseAsync(42, GitRef.Tag("v2/x"), "block 2", [], Cancellation);
        fixture.Project.Releases["v2/x"].Description!.ShouldContain("block 2");

        (await Fails(() => fixture.Client.UpsertReleaseAsync(42, GitRef.Tag("gone"), "x", [], Cancellation))).Fault.ShouldBe(GitLabFault.Unexpected);
        fixture.Project.ProtectedTags.Add("v*");
        fixture.Project.BotMayCreateProtectedTags = false;
        (await Fails(() => fixture.Client.UpsertReleaseAsync(42, tag, "x", [], Cancellation))).Message.ShouldContain("protected");
        fixture.GitLab.UnexpectedRequests.ShouldBeEmpty();
    }

    private static async Task<List<string>> ReadAsync(GitLabFixture fixture, string commit)
    {
        await using var tar = new TarReader(new MemoryStream(await UnpackAsync(fixture, commit)));
        var names = new List<string>();
        while (await tar.GetNextEntryAsync(cancellationToken: Cancellation) is { } entry)
        {
            if (entry.EntryType == TarEntryType.RegularFile)
            {
                names.Add(entry.Name);
            }
        }

        return names;
    }

    private static async Task<byte[]> UnpackAsync(GitLabFixture fixture, string commit)
    {
        await using var archive = await fixture.Client.OpenArchiveAsync(42, ObjectId.Parse(commit), Cancellation);
        await using var gzip = new GZipStream(archive, CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        await gzip.CopyToAsync(bytes, Cancellation);
        return bytes.ToArray();
    }

    private static Task<GitLabException> Fails(Func<Task> act) => Should.ThrowAsync<GitLabException>(act);
}
