using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Integration.GitLab;
using ReleaseBot.Integration.History;
using ReleaseBot.Parts;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>Names that another release takes while one is being built.</summary>
public abstract class NameTakenTests(IDatabases databases) : HistoryTest(databases)
{
    private static ProjectRule Rule { get; } = new()
    {
        Path = new ProjectPathPattern("**"),
        RequireProtected = false,
        Images = [new ImageRule("main", Host, Template.Parse(GitLabFixture.ProjectPath), [Template.Parse("{tag}"), Template.Parse("latest")])],
    };

    [Fact]
    public async Task A_Name_That_Is_Taken_During_The_Build_Fails_Its_Own_Image_Alone()
    {
        await using var gitLab = await GitLabFixture.StartAsync();
        await gitLab.CommitAsync("Dockerfile", "FROM scratch");
        var first = await QueueAsync(gitLab, "v1.0.0+a");
        var second = await QueueAsync(gitLab, "v1.0.0_a");
        var winner = await ClaimRunAsync();
        winner.Release.Id.ShouldBe(first);
        await PublishAsync(winner);

        await using var run = RunOf(await ClaimRunAsync());
        // A name is refused before anything is looked for or pushed.
        var push = new PushStage(gitLab.Client, History.Tags, History.Ledger, survey: null!, firstPush: null!, spread: null!);
        var end = (await push.RunAsync(run, Token)).ShouldBeOfType<StageResult.End>();
        await History.Ledger.FinishAsync(run.Claimed, end.Status, end.Reason, end.Images, TellAll, Token);

        var release = await ReadAsync(second);
        (release.Status, release.ReasonCode).ShouldBe((ReleaseStatus.Rejected, ReasonCode.TagTaken));
        release.Images.OrderBy(image => image.Ordinal).Select(image => (image.Tag, image.Status, image.ReasonCode)).ShouldBe(
            [("v1.0.0_a", ImageStatus.Failed, ReasonCode.TagTaken), ("latest", ImageStatus.Pending, null)]);
        (await History.RowsAsync<TagMove>()).Where(move => move.Verdict == TagVerdict.Refused).Select(move => move.Tag).ShouldBe(["v1.0.0_a"]);
    }

    private async Task<Guid> QueueAsync(GitLabFixture gitLab, string tag)
    {
        var target = ObjectId.Parse(await gitLab.Clone.TagAsync(tag, null, Token));
        await gitLab.Clone.PushAsync(Token, "main", $"refs/tags/{tag}");
        var id = await AcceptAsync(gitLab.Project.Id, GitRef.Tag(tag), target);
        var job = await ClaimVerificationAsync();
        (await History.Verification.QueueAsync(job, Verified(job) with { Plan = PlanOf(job.Ref, job.Target) }, Token)).ShouldBeNull();
        return id;
    }

    private static ReleasePlan PlanOf(GitRef gitRef, ObjectId commit) =>
        ReleasePlanner.Plan(Rule, GitLabFixture.ProjectPath, gitRef, commit, DateTimeOffset.UnixEpoch).ShouldBeOfType<PlanResult.Planned>().Plan;

    private ReleaseRun RunOf(ClaimedRun claimed) => new(
        claimed, Rule, PlanOf(claimed.Release.Ref, ObjectId.Parse(claimed.Release.Commit!)), LogOf(claimed));
}

public sealed class NamesTakenOnSqlite() : NameTakenTests(new SqliteDatabases());

public sealed class NamesTakenOnPostgres(PostgresServer server) : NameTakenTests(new PostgresDatabases(server));
