using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.StandIns.GitLab;
using Shouldly;
using Xunit;
using static ReleaseBot.Integration.GitLab.GitLabFixture;

namespace ReleaseBot.Integration.GitLab;

public sealed class GitSourceTests : IDisposable
{
    private readonly DirectoryInfo _target = Directory.CreateTempSubdirectory("git-source-");

    public void Dispose() => _target.Delete(recursive: true);

    [Fact]
    public async Task A_Commit_Is_Fetched_Shallow_Where_The_Archive_Is_Limited()
    {
        await using var fixture = await GitLabFixture.StartAsync(new GitLabStandInOptions { ArchiveLimitPerMinute = 0 });
        await fixture.CommitAsync("a.txt", "1");
        var older = ObjectId.Parse(await fixture.CommitAsync("a.txt", "2"));
        await fixture.CommitAsync("a.txt", "3");
        await fixture.Clone.PushAsync(Cancellation, "main");
        (await Should.ThrowAsync<GitLabException>(() => fixture.Client.OpenArchiveAsync(42, older, Cancellation))).Fault.ShouldBe(GitLabFault.RateLimitedArchive);

        await FetchAsync(fixture, older);
        Read("a.txt").ShouldBe("2");
        File.ReadAllLines(Path.Combine(_target.FullName, ".git", "shallow")).ShouldBe([older.Value]);
        // The token is nowhere in what is left behind.
        Directory.GetFiles(_target.FullName, "*", SearchOption.AllDirectories)
            .Any(file => File.ReadAllText(file).Contains(fixture.GitLab.Options.Token, StringComparison.Ordinal)).ShouldBeFalse();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Submodules_Come_Along_With_Theirs(bool allowsShaWants)
    {
        await using var fixture = await GitLabFixture.StartAsync(new GitLabStandInOptions { AllowsShaWants = allowsShaWants });
        var inner = await AddSubmoduleAsync(fixture, "acme/lib/inner", null, "inner.txt");
        var outer = await AddSubmoduleAsync(fixture, "acme/lib/outer", "../inner.git", "outer.txt");
        // On from the commit that is wanted, so that it is no branch's head.
        using (var clone = await StandInRepository.CreateAsync(fixture.GitLab, inner.Project, Cancellation))
        {
            await clone.CommitAsync(new Dictionary<string, string?> { ["inner.txt"] = "newer" }, "newer", Cancellation);
            await clone.PushAsync(Cancellation, "+main");
        }

        await SubmoduleAsync(fixture.Clone, "../lib/outer.git", "lib", outer.Commit);
        var commit = ObjectId.Parse(await fixture.CommitAsync("a.txt", "1"));
        await fixture.Clone.PushAsync(Cancellation, "main");
        if (!allowsShaWants)
        {
            // History that is gone can't be had from such a server; the commit has to be within a branch.
            await fixture.GitLab.UpdateRefAsync(inner.Project, "refs/heads/kept", inner.Commit, "root", Cancellation);
        }

        await FetchAsync(fixture, commit, submodules: true);
        Read("lib/outer.txt").ShouldBe("outer.txt");
        Read("lib/inner/inner.txt").ShouldBe("inner.txt");
    }

    [Fact]
    public async Task An_Ssh_Address_Of_Our_GitLab_Is_Had_Over_Http()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        var lib = await AddSubmoduleAsync(fixture, "acme/lib", null, "lib.txt");
        await SubmoduleAsync(fixture.Clone, "git@127.0.0.1:acme/lib.git", "lib", lib.Commit);
        var commit = ObjectId.Parse(await fixture.CommitAsync("a.txt", "1"));
        await fixture.Clone.PushAsync(Cancellation, "main");
        await FetchAsync(fixture, commit, submodules: true);
        Read("lib/lib.txt").ShouldBe("lib.txt");
    }

    [Fact]
    public async Task A_Submodule_Elsewhere_Never_Gets_The_Token()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        // Another GitLab that would take the very same token, were it given.
        await using var other = await GitLabStandIn.StartAsync(new GitLabStandInOptions(), Cancellation);
        await other.AddProjectAsync("acme/lib", 1, Cancellation);
        await SubmoduleAsync(fixture.Clone, other.FindProject(1)!.CloneUrl.AbsoluteUri, "lib", new string('e', 40));
        var commit = ObjectId.Parse(await fixture.CommitAsync("a.txt", "1"));
        await fixture.Clone.PushAsync(Cancellation, "main");
        var error = await Should.ThrowAsync<GitLabException>(() => FetchAsync(fixture, commit, submodules: true));
        error.Fault.ShouldBe(GitLabFault.Denied);
        other.Requests.ShouldNotBeEmpty();
        other.Requests.ShouldAllBe(request => request.Status == 401);
    }

    [Theory]
    [InlineData("file://LOCAL")]
    [InlineData("LOCAL")]
    [InlineData("ext::sh -c true")]
    [InlineData("git://127.0.0.1/acme/lib.git")]
    public async Task A_Submodule_By_Another_Protocol_Is_Refused(string url)
    {
        await using var fixture = await GitLabFixture.StartAsync();
        // A repository on this very machine, which git could read.
        var lib = await AddSubmoduleAsync(fixture, "acme/lib", null, "lib.txt");
        using var local = await StandInRepository.CreateAsync(fixture.GitLab, lib.Project, Cancellation);
        var head = await local.CommitAsync(new Dictionary<string, string?> { ["secret.txt"] = "secret" }, "add", Cancellation);
        await SubmoduleAsync(fixture.Clone, url.Replace("LOCAL", local.Directory, StringComparison.Ordinal), "lib", head);
        var commit = ObjectId.Parse(await fixture.CommitAsync("a.txt", "1"));
        await fixture.Clone.PushAsync(Cancellation, "main");
        (await Should.ThrowAsync<GitLabException>(() => FetchAsync(fixture, commit, submodules: true))).Message.ShouldContain("not allowed");
    }

    [Fact]
    public async Task The_Ref_Is_Fetched_Where_A_Commit_Is_Not_Handed_Out()
    {
        await using var fixture = await GitLabFixture.StartAsync(new GitLabStandInOptions { AllowsShaWants = false });
        var tagged = ObjectId.Parse(await fixture.CommitAsync("a.txt", "1"));
        await fixture.Clone.TagAsync("v1", "annotated", Cancellation);
        await fixture.CommitAsync("a.txt", "2");
        await fixture.Clone.PushAsync(Cancellation, "main", "v1");
        await FetchAsync(fixture, tagged, reference: GitRef.Tag("v1"));
        Read("a.txt").ShouldBe("1");

        // The tag moved: what it names now is not what was asked for.
        await fixture.Clone.TagAsync("v1", "again", Cancellation);
        await fixture.Clone.PushAsync(Cancellation, "+v1");
        using var elsewhere = new GitSourceTests();
        var error = await Should.ThrowAsync<GitLabException>(() => elsewhere.FetchAsync(fixture, tagged, reference: GitRef.Tag("v1")));
        error.Fault.ShouldBe(GitLabFault.NotFound);
    }

    [Fact]
    public async Task Gits_Errors_Are_Sorted_And_Hold_No_Token()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        var commit = ObjectId.Parse(await fixture.CommitAsync("a.txt", "1"));
        await fixture.Clone.PushAsync(Cancellation, "main");

        const string Wrong = "glpat-wrong-but-secret";
        var denied = new GitSource(fixture.Settings with { Token = new Secret(Wrong) }, TimeProvider.System, NullLogger<GitSource>.Instance);
        (await ErrorAsync(denied, fixture.Project.CloneUrl, commit)).ShouldBe(GitLabFault.Denied);
        var anonymous = new GitSource(fixture.Settings with { Token = null }, TimeProvider.System, NullLogger<GitSource>.Instance);
        (await ErrorAsync(anonymous, fixture.Project.CloneUrl, commit)).ShouldBe(GitLabFault.Denied);
        (await ErrorAsync(fixture.Source, fixture.Project.CloneUrl, ObjectId.Parse(new string('e', 40)))).ShouldBe(GitLabFault.NotFound);
        (await ErrorAsync(fixture.Source, new Uri(fixture.GitLab.Url, "/acme/none.git"), commit)).ShouldBe(GitLabFault.NotFound);
        (await ErrorAsync(fixture.Source, new Uri("http://127.0.0.1:1/acme/shop.git"), commit)).ShouldBe(GitLabFault.Unavailable);
        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Status, Status = 502, Matches = "info/refs" });
        (await ErrorAsync(fixture.Source, fixture.Project.CloneUrl, commit)).ShouldBe(GitLabFault.Unavailable);
        foreach (var illegal in (string[])["file:///etc", "http://u:p@127.0.0.1/acme/shop.git"])
        {
            await Should.ThrowAsync<ArgumentException>(() =>
                fixture.Source.FetchAsync(new Uri(illegal), commit, GitRef.Branch("main"), _target.FullName, submodules: false, Cancellation));
        }

        async Task<GitLabFault> ErrorAsync(GitSource source, Uri url, ObjectId wanted)
        {
            using var elsewhere = new GitSourceTests();
            var error = await Should.ThrowAsync<GitLabException>(() =>
                source.FetchAsync(url, wanted, GitRef.Branch("main"), elsewhere._target.FullName, submodules: false, Cancellation));
            error.Message.ShouldNotContain(Wrong);
            error.Message.ShouldNotContain(fixture.GitLab.Options.Token);
            return error.Fault;
        }
    }

    [Fact]
    public async Task A_Cancelled_Fetch_Ends_Git_At_Once()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        var commit = ObjectId.Parse(await fixture.CommitAsync("a.txt", "1"));
        await fixture.Clone.PushAsync(Cancellation, "main");
        fixture.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Slow, DelaySeconds = 300, Matches = "GET /acme/shop.git/info/refs" });
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var fetching = fixture.Source.FetchAsync(fixture.Project.CloneUrl, commit, GitRef.Branch("main"), _target.FullName, submodules: false, leaving.Token);
        await leaving.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => fetching);
    }

    private Task FetchAsync(GitLabFixture fixture, ObjectId commit, bool submodules = false, GitRef? reference = null) => fixture.Source.FetchAsync(
        fixture.Project.CloneUrl, commit, reference ?? GitRef.Branch("main"), _target.FullName, submodules, Cancellation);

    private string Read(string path) => File.ReadAllText(Path.Combine(_target.FullName, path));

    private static async Task<(StandInProject Project, string Commit)> AddSubmoduleAsync(GitLabFixture fixture, string path, string? inner, string file)
    {
        var project = await fixture.GitLab.AddProjectAsync(path, null, Cancellation);
        using var clone = await StandInRepository.CreateAsync(fixture.GitLab, project, Cancellation);
        if (inner is not null)
        {
            var target = fixture.GitLab.FindProject("acme/lib/inner")!;
            var head = await fixture.Client.GetRefAsync(target.Id, GitRef.Branch("main"), Cancellation);
            await SubmoduleAsync(clone, inner, "inner", head!.Commit.Value);
        }

        var commit = await clone.CommitAsync(new Dictionary<string, string?> { [file] = file }, "add", Cancellation);
        await clone.PushAsync(Cancellation, "main");
        return (project, commit);
    }

    /// <summary>Enters a submodule as git submodule add does, without fetching it.</summary>
    private static async Task SubmoduleAsync(StandInRepository clone, string url, string path, string commit)
    {
        await clone.GitAsync(Cancellation, "config", "--file=.gitmodules", $"submodule.{path}.path", path);
        await clone.GitAsync(Cancellation, "config", "--file=.gitmodules", $"submodule.{path}.url", url);
        await clone.GitAsync(Cancellation, "add", ".gitmodules");
        await clone.GitAsync(Cancellation, "update-index", "--add", "--cacheinfo", $"160000,{commit},{path}");
        Directory.CreateDirectory(Path.Combine(clone.Directory, path));
    }
}
