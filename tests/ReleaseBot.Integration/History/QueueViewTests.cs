using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>What people are shown of the queue.</summary>
public abstract class QueueViewTests(IDatabases databases) : HistoryTest(databases)
{
    [Fact]
    public async Task The_Queue_Is_Shown_In_The_Order_In_Which_It_Is_Taken_Up()
    {
        List<Guid> burst = [];
        for (var number = 0; number < 4; number++)
        {
            burst.Add(await QueueTagAsync(7, $"v1.0.{number}", number + 1, $"acme/part-{number}"));
        }

        (await ClaimRunAsync()).Release.Id.ShouldBe(burst[0]);
        var single = await QueueTagAsync(8, "v1.0.0", 9);
        var late = await QueueTagAsync(8, "v1.0.1", 10, "acme/late");

        var shown = (await History.Queue.ReadAsync(100, Token)).Releases.Select(release => release.Id).Where(id => id != burst[0]).ToList();

        shown.ShouldBe([single, burst[1], late, burst[2], burst[3]]);
        List<Guid> taken = [];
        for (var number = 0; number < shown.Count; number++)
        {
            taken.Add((await ClaimRunAsync()).Release.Id);
            History.Tick();
        }

        taken.ShouldBe(shown);
    }

    [Fact]
    public async Task The_Queue_Shows_Last_What_Was_Put_Off()
    {
        var away = await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        var longer = await AcceptAsync(8, GitRef.Tag("v1.0.0"), Object(2));
        var waits = new Reason(ReasonCode.GitlabUnavailable, "GitLab is away.");
        foreach (var (id, minutes) in new[] { (away, 1), (longer, 2) })
        {
            var job = await ClaimVerificationAsync();
            job.ReleaseId.ShouldBe(id);
            await History.Verification.PostponeAsync(job, waits, TimeSpan.FromMinutes(minutes), Token);
        }

        var due = await QueueTagAsync(9, "v1.0.0", 3);

        (await History.Queue.ReadAsync(100, Token)).Releases.Select(release => release.Id).ShouldBe([due, away, longer]);
    }

    [Fact]
    public async Task What_Runs_Is_Shown_However_Many_Wait()
    {
        var running = await QueueTagAsync(1, "v1.0.0", 1);
        await ClaimRunAsync();
        for (var project = 2; project < 7; project++)
        {
            await QueueTagAsync(project, "v1.0.0", project);
        }

        var shown = (await History.Queue.ReadAsync(2, Token)).Releases;

        shown.Count.ShouldBe(3);
        shown[0].Id.ShouldBe(running);
        shown.Skip(1).ShouldAllBe(release => release.Status == ReleaseStatus.Queued);
    }

    [Fact]
    public async Task The_First_Of_A_Line_Is_Known_Where_It_Is_Not_Shown()
    {
        await QueueTagAsync(1, "v1.0.0", 1);
        await FailAsync(await ClaimRunAsync());
        History.Tick();
        var putOff = await QueueTagAsync(1, "v1.1.0", 2, "shared/app");
        var first = await QueueTagAsync(1, "v1.2.0", 3, "shared/app");
        var second = await QueueTagAsync(2, "v1.0.0", 4, "shared/app");
        var until = History.Time.GetUtcNow() + TimeSpan.FromHours(1);
        await History.Database.WriteAsync(
            (context, token) => context.Releases.Where(row => row.Id == putOff).ExecuteUpdateAsync(row => row.SetProperty(r => r.NotBefore, until), token), Token);

        var shown = await History.Queue.ReadAsync(1, Token);

        shown.Releases.ShouldHaveSingleItem().Id.ShouldBe(second, "its project never had a turn");
        shown.FirstsInLine.ShouldBe(new Dictionary<string, Guid> { ["registry.example/shared/app"] = first });
    }
}

public sealed class QueueViewOnSqlite() : QueueViewTests(new SqliteDatabases());

public sealed class QueueViewOnPostgres(PostgresServer server) : QueueViewTests(new PostgresDatabases(server));
