using ReleaseBot.Core;
using ReleaseBot.Integration.GitLab;
using ReleaseBot.Integration.History;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>A source that is on its way before it is known whether it is needed.</summary>
public sealed class ComingSourceTests() : WorkerTest(new SqliteDatabases())
{
    private static readonly ProjectRule Rule = new() { Path = new ProjectPathPattern("**"), Images = [ImagesOf("main", Host, "{tag}")] };

    [Fact]
    public async Task The_Archive_That_Is_On_Its_Way_Is_The_One_That_Is_Taken()
    {
        await using var gitLab = await GitLabFixture.StartAsync();
        await using var run = await ClaimAsync(gitLab);
        await using var source = new ComingSource(FetcherOf(gitLab), run, isAsked: true, isSent: true, Token);
        await ShouldHaveSentAsync(gitLab, 1);

        await using var taken = (await source.TakeAsync(Token)).ShouldBeOfType<ArchiveSource>();

        var context = new MemoryStream();
        (await taken.WriteAsync(context, Token)).Bytes.ShouldBe("FROM scratch".Length);
        Archives(gitLab).ShouldBe(1);
    }

    [Fact]
    public async Task What_Nobody_Takes_Is_Let_Go_Of()
    {
        await using var gitLab = await GitLabFixture.StartAsync();
        await using var run = await ClaimAsync(gitLab);

        await using (new ComingSource(FetcherOf(gitLab), run, isAsked: true, isSent: true, Token))
        {
            await ShouldHaveSentAsync(gitLab, 1);
        }

        // The next one is another.
        await using var source = new ComingSource(FetcherOf(gitLab), run, isAsked: true, isSent: true, Token);
        await using var taken = await source.TakeAsync(Token);
        (await taken.WriteAsync(new MemoryStream(), Token)).Entries.ShouldBe(1);
        await ShouldHaveSentAsync(gitLab, 2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_Archive_Is_Sent_Before_It_Is_Taken_Where_The_Release_Has_Waited(bool isAsked)
    {
        await using var gitLab = await GitLabFixture.StartAsync();
        await using var run = await ClaimAsync(gitLab);
        var before = gitLab.GitLab.Requests.Count;
        await using var source = new ComingSource(FetcherOf(gitLab), run, isAsked, isSent: false, Token);
        await UntilAsync(() => Task.FromResult(!isAsked || gitLab.GitLab.Requests.Count == before + 3));
        Archives(gitLab).ShouldBe(0);

        await using var taken = await source.TakeAsync(Token);

        await ShouldHaveSentAsync(gitLab, 1);
    }

    [Fact]
    public async Task Git_Fetches_The_Commit_Where_The_Archive_Is_Limited()
    {
        await using var gitLab = await GitLabFixture.StartAsync(new GitLabStandInOptions { ArchiveLimitPerMinute = 0 });
        await using var run = await ClaimAsync(gitLab);
        await using var source = new ComingSource(FetcherOf(gitLab), run, isAsked: true, isSent: true, Token);

        await using var taken = (await source.TakeAsync(Token)).ShouldBeOfType<WorkTreeSource>();

        (await taken.WriteAsync(new MemoryStream(), Token)).Bytes.ShouldBe("FROM scratch".Length);
    }

    private static SourceFetcher FetcherOf(GitLabFixture gitLab) => new(gitLab.Client, gitLab.Source, TimeProvider.System);

    private static int Archives(GitLabFixture gitLab) => gitLab.GitLab.Requests.Count(request => request.Path.Contains("/archive", StringComparison.Ordinal));

    /// <summary>GitLab notes a request down when it is answered.</summary>
    private static Task ShouldHaveSentAsync(GitLabFixture gitLab, int archives) => UntilAsync(() => Task.FromResult(Archives(gitLab) == archives));

    private async Task<ReleaseRun> ClaimAsync(GitLabFixture gitLab)
    {
        await gitLab.CommitAsync("Dockerfile", "FROM scratch");
        var target = ObjectId.Parse(await gitLab.Clone.TagAsync("v1.0.0", null, Token));
        await gitLab.Clone.PushAsync(Token, "main", "refs/tags/v1.0.0");
        await AcceptAsync(gitLab.Project.Id, GitRef.Tag("v1.0.0"), target);
        await QueueAsync(Rule);
        return RunOf(await ClaimRunAsync(), Rule);
    }
}
