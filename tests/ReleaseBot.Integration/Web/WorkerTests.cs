using System.Net;
using System.Text.Json;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class WorkerTests(PostgresServer server)
{
    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task A_Pause_Outlives_Both_Processes_And_Ends_With_The_Workers_Orderly_End(StorageProvider provider)
    {
        var folder = Directory.CreateTempSubdirectory("releasebot-web-");
        StorageSettings storage = new()
        {
            Provider = provider,
            ConnectionString = new Secret(provider == StorageProvider.Postgres
                ? await server.CreateDatabaseAsync(WebFixture.Cancellation)
                : SqliteFile.ConnectionString(Path.Combine(folder.FullName, "shared.db"))),
        };
        await using (var first = await WebFixture.StartAsync(storage: storage))
        {
            (await ShowAsync(first, "build-3/1")).ShouldBeFalse();
            (await ShowAsync(first, "build-4/1")).ShouldBeFalse();
            (await first.PostAsync("/api/v1/workers/pause", """{"name":"build-3/1"}""")).Status.ShouldBe(HttpStatusCode.NoContent);
        }

        await using var web = await WebFixture.StartAsync(storage: storage);

        // Another web process, and a worker that was killed and comes back under its name.
        PausedIn(await web.GetAsync("/api/v1/queue")).ShouldBe(["build-3/1"]);
        (await ShowAsync(web, "build-3/1")).ShouldBeTrue();
        (await ShowAsync(web, "build-4/1")).ShouldBeFalse();
        (await web.PostAsync("/api/v1/workers/pause", """{"name":"build-3/1"}""")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await ShowAsync(web, "build-3/1")).ShouldBeTrue("twice paused is paused");

        await web.Get<WorkerRegister>().LeaveAsync("build-3/1", WebFixture.Cancellation);
        (await ShowAsync(web, "build-3/1")).ShouldBeFalse();
        PausedIn(await web.GetAsync("/api/v1/queue")).ShouldBeEmpty();
        (await web.PostAsync("/api/v1/workers/pause", """{"name":"build-4/1"}""")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await web.PostAsync("/api/v1/workers/resume", """{"name":"build-4/1"}""")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await ShowAsync(web, "build-4/1")).ShouldBeFalse();
        SqliteFile.Close(Path.Combine(folder.FullName, "shared.db"));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task The_Queue_Says_What_A_Release_Waits_For_That_Another_Came_Before()
    {
        await using var web = await WebFixture.StartAsync();
        await ShowAsync(web, "build-3/1");
        var older = (await web.HookAsync(Hooks.Tag("v1.0.0"))).Release;
        // Somebody asks GitLab about it, and has no answer yet.
        (await web.Get<VerificationQueue>().ClaimAsync("web", TimeSpan.FromMinutes(1), WebFixture.Cancellation)).ShouldNotBeNull();
        var younger = (await web.HookAsync(Hooks.Tag("v1.1.0"))).Release;
        (await web.QueueAsync()).ShouldBe(younger);
        await web.HookAsync(Hooks.Tag("v1.0.0", "acme/other", 8));
        var other = await web.QueueAsync();

        var waiting = (await web.GetAsync("/api/v1/queue")).Json.GetProperty("waiting").EnumerateArray().ToDictionary(row => row.GetProperty("id").GetGuid());

        waiting[older].GetProperty("waitsFor").GetString().ShouldBe("GitLab to say whether the ref is protected");
        waiting[younger].GetProperty("waitsFor").GetString()!.ShouldStartWith($"release {older}, which came before it and is still asked about at GitLab, until ");
        waiting[other].GetProperty("waitsFor").GetString().ShouldBe("a worker's free slot");
        waiting[older].GetProperty("position").GetInt32().ShouldBeLessThan(waiting[younger].GetProperty("position").GetInt32());
    }

    [Fact]
    public async Task The_Queue_Says_That_All_Slots_Are_Taken_And_Whose_Slot_A_Built_Release_Waits_For()
    {
        await using var web = await WebFixture.StartAsync();
        await web.HookAsync(Hooks.Tag("v1.0.0", "acme/other", 8));
        await web.QueueAsync();
        var run = (await web.Get<RunQueue>().ClaimAsync("build-3/1", "ENGINE:ID", TimeSpan.FromMinutes(1), WebFixture.Cancellation)).ShouldNotBeNull();
        await web.Get<RunLedger>().RecordBuiltAsync(run, "sha256:" + new string('1', 64), WebFixture.Cancellation);
        await web.Get<RunQueue>().HandBackAsync(run, WebFixture.Cancellation);
        await web.HookAsync(Hooks.Tag());
        var fresh = await web.QueueAsync();
        await web.Get<WorkerRegister>().ShowAsync(new WorkerState("build-3/1", "ENGINE:ID", TimeProvider.System.GetUtcNow(), 2, 2), WebFixture.Cancellation);
        await web.Get<WorkerRegister>().ShowAsync(new WorkerState("build-4/1", "OTHER:ID", TimeProvider.System.GetUtcNow(), 1, 1), WebFixture.Cancellation);

        var waiting = (await web.GetAsync("/api/v1/queue")).Json.GetProperty("waiting").EnumerateArray().ToDictionary(row => row.GetProperty("id").GetGuid());

        waiting[fresh].GetProperty("waitsFor").GetString().ShouldBe("a worker's free slot: all 3 are taken");
        waiting[run.Release.Id].GetProperty("waitsFor").GetString().ShouldBe("a free slot of build-3/1, whose engine alone has its image so far");
    }

    /// <returns>What a worker that begins under the name is told: whether it is paused.</returns>
    private static Task<bool> ShowAsync(WebFixture web, string name) =>
        web.Get<WorkerRegister>().ShowAsync(new WorkerState(name, "ENGINE:ID", TimeProvider.System.GetUtcNow(), 2, 0), WebFixture.Cancellation);

    private static IEnumerable<string?> PausedIn(Answer queue) => queue.Json.GetProperty("workers").EnumerateArray()
        .Where(worker => worker.GetProperty("pausedAt").ValueKind != JsonValueKind.Null).Select(worker => worker.GetProperty("name").GetString());

    [Fact]
    public async Task Operators_Pause_A_Worker_And_The_Queue_Shows_It()
    {
        await using var web = await WebFixture.StartAsync();
        var register = web.Get<WorkerRegister>();
        var state = new WorkerState("build-3/4711", "ENGINE:ID", TimeProvider.System.GetUtcNow(), 2, 0);
        await register.ShowAsync(state, WebFixture.Cancellation);
        await web.HookAsync(Hooks.Tag());

        (await web.PostAsync("/api/v1/workers/pause", """{"name":"build-3/4711"}""")).Status.ShouldBe(HttpStatusCode.NoContent);

        (await register.ShowAsync(state, WebFixture.Cancellation)).ShouldBeTrue();
        var worker = (await web.GetAsync("/api/v1/queue")).Json.GetProperty("workers").EnumerateArray().ShouldHaveSingleItem();
        worker.GetProperty("pausedAt").GetDateTimeOffset().ShouldBeGreaterThan(DateTimeOffset.UnixEpoch);
        worker.GetProperty("engine").GetString().ShouldBe("ENGINE:ID");
        (await web.PostAsync("/api/v1/workers/resume", """{"name":"build-3/4711"}""")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await register.ShowAsync(state, WebFixture.Cancellation)).ShouldBeFalse();
        (await web.PostAsync("/api/v1/workers/pause", """{"name":"build-4/1"}""")).Problem.ShouldBe("worker-not-found");
        (await web.PostAsync("/api/v1/workers/pause", "{}")).Problem.ShouldBe("invalid-parameter");
    }
}
