using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

public abstract class WorkerTests(IDatabases databases) : HistoryTest(databases)
{
    protected WorkerState State(string name, string? engine = null, int running = 0) => new(name, engine, History.Time.GetUtcNow(), 2, running);

    [Fact]
    public async Task A_Worker_Is_Seen_Until_It_Leaves_And_Learns_That_It_Is_Paused()
    {
        (await History.Workers.ShowAsync(State("one", running: 1), Token)).ShouldBeFalse();
        (await History.Workers.PauseAsync("one", isPaused: true, Token)).ShouldBeTrue();
        (await History.Workers.ShowAsync(State("one"), Token)).ShouldBeTrue();
        (await History.Workers.PauseAsync("one", isPaused: false, Token)).ShouldBeTrue();
        (await History.Workers.ShowAsync(State("one", "engine-1"), Token)).ShouldBeFalse();
        var row = (await History.RowsAsync<WorkerHeartbeat>()).ShouldHaveSingleItem();
        (row.Engine, row.Slots, row.Running).ShouldBe(("engine-1", 2, 0));

        await History.Workers.LeaveAsync("one", Token);

        (await History.RowsAsync<WorkerHeartbeat>()).ShouldBeEmpty();
        (await History.Workers.PauseAsync("one", isPaused: true, Token)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_Nul_In_A_Name_Is_The_Askers_Fault_And_Not_The_Databases()
    {
        var fault = await Record.ExceptionAsync(() => History.Workers.PauseAsync("a\0", isPaused: true, Token));

        // SQLite takes it, and knows no such worker.
        (fault is not null && HistoryDatabase.IsOfNul(fault)).ShouldBe(!History.Database.IsSqlite, fault?.ToString());
    }

    [Fact]
    public async Task A_Name_That_Was_Not_Seen_For_A_Day_Is_Forgotten_With_Its_Pause()
    {
        await History.Workers.ShowAsync(State("one"), Token);
        (await History.Workers.PauseAsync("one", isPaused: true, Token)).ShouldBeTrue();
        await SeeLastAsync("one", TimeSpan.FromHours(23));
        (await History.Workers.ShowAsync(State("one"), Token)).ShouldBeTrue();

        await SeeLastAsync("one", TimeSpan.FromHours(25));

        (await History.Workers.PauseAsync("one", isPaused: true, Token)).ShouldBeFalse("it would not hold");
        (await History.Workers.ShowAsync(State("one"), Token)).ShouldBeFalse();
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        (await History.Runs.ClaimAsync("one", engine: null, History.Lease, Token)).ShouldNotBeNull().Release.Id.ShouldBe(id);
    }

    [Fact]
    public async Task A_Release_Is_Left_To_The_Engine_That_Has_Its_Layers_For_A_Moment_And_No_Longer()
    {
        await PublishedByAsync("warm");
        await History.Workers.ShowAsync(State("other", "cold"), Token);
        await History.Workers.ShowAsync(State("first", "warm"), Token);
        var next = await QueueTagAsync(7, "v1.1.0", 2);

        (await History.Runs.ClaimAsync("other", "cold", History.Lease, Token)).ShouldBeNull();
        (await History.Runs.ClaimAsync("first", "warm", History.Lease, Token)).ShouldNotBeNull().Release.Id.ShouldBe(next);

        // The warm one is busy with its own wait; nobody starves for it.
        var later = await QueueTagAsync(8, "v1.0.0", 3);
        await MarkAsync(8, "warm");
        (await History.UntilAsync(() => History.Runs.ClaimAsync("other", "cold", History.Lease, Token))).Release.Id.ShouldBe(later);
    }

    [Fact]
    public async Task Nothing_Is_Left_To_An_Engine_Whose_Workers_Are_Busy_Paused_Or_Gone()
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await QueueTagAsync(8, "v1.0.0", 2);
        await QueueTagAsync(9, "v1.0.0", 3);
        await MarkAsync(7, "busy");
        await MarkAsync(8, "paused");
        await MarkAsync(9, "gone");
        await History.Workers.ShowAsync(State("busy", "busy", running: 2), Token);
        await History.Workers.ShowAsync(State("paused", "paused"), Token);
        await History.Workers.PauseAsync("paused", isPaused: true, Token);

        for (var i = 0; i < 3; i++)
        {
            (await History.Runs.ClaimAsync("other", "cold", History.Lease, Token)).ShouldNotBeNull();
        }
    }

    [Fact]
    public async Task A_Paused_Worker_That_Comes_Back_Under_Its_Name_Takes_Nothing_Before_It_Knows()
    {
        await History.Workers.ShowAsync(State("paused", "engine"), Token);
        await History.Workers.PauseAsync("paused", isPaused: true, Token);
        var id = await QueueTagAsync(7, "v1.0.0", 1);

        (await History.Runs.ClaimAsync("paused", "engine", History.Lease, Token)).ShouldBeNull();
        (await History.Runs.ClaimAsync("paused", null, History.Lease, Token)).ShouldBeNull();
        await History.Workers.PauseAsync("paused", isPaused: false, Token);

        (await History.Runs.ClaimAsync("paused", "engine", History.Lease, Token)).ShouldNotBeNull().Release.Id.ShouldBe(id);
    }

    [Fact]
    public async Task A_Worker_Without_An_Engine_Leaves_Releases_To_Those_That_Have_One()
    {
        await History.Workers.ShowAsync(State("broken"), Token);
        await History.Workers.ShowAsync(State("sound", "engine", running: 2), Token);
        await QueueTagAsync(7, "v1.0.0", 1);

        (await History.Runs.ClaimAsync("broken", null, History.Lease, Token)).ShouldBeNull("the other has no free slot, but will have one");
        (await History.Runs.ClaimAsync("sound", "engine", History.Lease, Token)).ShouldNotBeNull();

        // Nobody has one: the release has to be taken up to say so.
        await QueueTagAsync(8, "v1.0.0", 2);
        await History.Workers.ShowAsync(State("sound"), Token);
        (await History.Runs.ClaimAsync("broken", null, History.Lease, Token)).ShouldNotBeNull();
        await QueueTagAsync(9, "v1.0.0", 3);
        await History.Workers.ShowAsync(State("broken", "engine of a moment ago"), Token);
        (await History.Runs.ClaimAsync("broken", null, History.Lease, Token)).ShouldNotBeNull("its own row is not another's");
    }

    [Fact]
    public async Task An_Image_That_No_Registry_Holds_Waits_For_The_Engine_That_Has_It()
    {
        await History.Workers.ShowAsync(State("builder", "engine-1"), Token);
        await History.Workers.ShowAsync(State("other", "engine-2"), Token);
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = (await History.Runs.ClaimAsync("builder", "engine-1", History.Lease, Token)).ShouldNotBeNull();
        await History.Ledger.RecordBuiltAsync(run, "sha256:built", Token);
        await ParkAsync(run);
        // So that it is not the layers that it is left for.
        await MarkAsync(7, "engine-2");

        (await History.Runs.ClaimAsync("other", "engine-2", History.Lease, Token)).ShouldBeNull();
        await MarkAsync(7, "engine-1");
        run = (await History.Runs.ClaimAsync("builder", "engine-1", History.Lease, Token)).ShouldNotBeNull();
        await ParkAsync(run);
        await MarkAsync(7, "engine-2");

        // Its worker is paused: rather another build than none.
        await History.Workers.PauseAsync("builder", isPaused: true, Token);
        run = (await History.Runs.ClaimAsync("other", "engine-2", History.Lease, Token)).ShouldNotBeNull();
        await History.Workers.PauseAsync("builder", isPaused: false, Token);

        // A registry that holds it serves any worker.
        await History.Ledger.RecordBuiltAsync(run, "sha256:built-again", Token);
        await History.Ledger.RecordImageAsync(run, 0, ImageStatus.Pushed, DigestOf(run), null, Token);
        await ParkAsync(run);
        await MarkAsync(7, "engine-1");
        (await History.Runs.ClaimAsync("builder", "engine-1", History.Lease, Token)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_Build_For_Which_An_Engine_Made_Room_Goes_Back_To_It_While_A_Worker_Of_It_Takes_Releases()
    {
        await History.Workers.ShowAsync(State("one", "engine-1", running: 2), Token);
        await History.Workers.ShowAsync(State("other", "engine-2"), Token);
        var id = await QueueTagAsync(7, "v1.0.0", 1);
        var run = (await History.Runs.ClaimAsync("one", "engine-1", History.Lease, Token)).ShouldNotBeNull();
        await PutOffAsync(run, "engine-1");
        // So that it is not the layers that it is left for.
        await MarkAsync(7, "engine-2");
        await History.Workers.ShowAsync(State("other", "engine-2", running: 2), Token);

        (await History.Runs.ClaimAsync("other", "engine-2", History.Lease, Token)).ShouldBeNull("however busy the first one is");
        run = (await History.Runs.ClaimAsync("one", "engine-1", History.Lease, Token)).ShouldNotBeNull();
        run.Release.RoomEngine.ShouldBe("engine-1");

        // Full before a build has begun: whoever has room may have it.
        await PutOffAsync(run, null);
        await MarkAsync(7, "engine-2");
        run = (await History.Runs.ClaimAsync("other", "engine-2", History.Lease, Token)).ShouldNotBeNull();
        run.Release.RoomEngine.ShouldBeNull();

        await PutOffAsync(run, "engine-2");
        await History.Workers.PauseAsync("other", isPaused: true, Token);
        await MarkAsync(7, "engine-1");
        run = (await History.Runs.ClaimAsync("one", "engine-1", History.Lease, Token)).ShouldNotBeNull();
        run.Release.RoomEngine.ShouldBe("engine-2", "which says that this engine has not made room for it yet");
        await History.Ledger.EndWaitAsync(run, Token);
        (await ReadAsync(id)).RoomEngine.ShouldBeNull();
    }

    [Fact]
    public async Task A_Worker_Whose_Engine_Is_Full_Leaves_Builds_To_Those_With_Room()
    {
        await History.Workers.ShowAsync(State("full", "engine-1"), Token);
        await History.Workers.ShowAsync(State("roomy", "engine-2", running: 2), Token);
        await QueueTagAsync(7, "v1.0.0", 1);
        var built = (await History.Runs.ClaimAsync("full", "engine-1", History.Lease, Token)).ShouldNotBeNull();
        await History.Ledger.RecordBuiltAsync(built, "sha256:built", Token);
        await ParkAsync(built);
        var id = await QueueTagAsync(8, "v1.0.0", 2);
        await MarkAsync(7, "engine-1");
        await MarkAsync(8, "engine-1");

        await History.Workers.ShowAsync(State("full", "engine-1") with { IsFull = true }, Token);

        (await History.RowsAsync<Project>()).ShouldAllBe(project => project.LastEngine == null, "with the cache it lost their layers");
        (await History.Runs.ClaimAsync("full", "engine-1", History.Lease, Token)).ShouldNotBeNull().Release.Id.ShouldBe(built.Release.Id, "a push needs no room");
        (await History.Runs.ClaimAsync("full", "engine-1", History.Lease, Token)).ShouldBeNull("however busy the other is");
        (await History.Runs.ClaimAsync("twin", "engine-1", History.Lease, Token)).ShouldBeNull("its engine is the same");

        // Where all are full, somebody has to say so of the release.
        await History.Workers.ShowAsync(State("roomy", "engine-2") with { IsFull = true }, Token);
        var run = (await History.Runs.ClaimAsync("full", "engine-1", History.Lease, Token)).ShouldNotBeNull();
        run.Release.Id.ShouldBe(id);
        await PutOffAsync(run, "engine-1");
        await History.Workers.ShowAsync(State("roomy", "engine-2"), Token);

        (await History.Runs.ClaimAsync("roomy", "engine-2", History.Lease, Token)).ShouldNotBeNull("the room that was made is gone").Release.Id.ShouldBe(id);
    }

    [Fact]
    public async Task A_Release_Is_Not_Kept_For_An_Engine_That_Has_Its_Image_No_More()
    {
        await History.Workers.ShowAsync(State("builder", "engine-1"), Token);
        await History.Workers.ShowAsync(State("other", "engine-2", running: 2), Token);
        await QueueTagAsync(7, "v1.0.0", 1);
        var run = (await History.Runs.ClaimAsync("builder", "engine-1", History.Lease, Token)).ShouldNotBeNull();
        await History.Ledger.RecordBuiltAsync(run, "sha256:built", Token);
        await History.Ledger.RecordImageGoneAsync(run, Token);
        await PutOffAsync(run, null);
        await History.Workers.ShowAsync(State("builder", "engine-1") with { IsFull = true }, Token);

        (await History.Runs.ClaimAsync("builder", "engine-1", History.Lease, Token)).ShouldBeNull("it has to be built again, which needs room");
        (await History.Runs.ClaimAsync("other", "engine-2", History.Lease, Token)).ShouldNotBeNull().Release.ImageId.ShouldBe("sha256:built", "a registry may hold it yet");
    }

    private Task SeeLastAsync(string name, TimeSpan ago)
    {
        var at = History.Time.GetUtcNow() - ago;
        return History.Database.WriteAsync(
            (context, token) => context.WorkerHeartbeats.Where(row => row.Name == name).ExecuteUpdateAsync(row => row.SetProperty(r => r.SeenAt, at), token), Token);
    }

    private async Task PublishedByAsync(string engine)
    {
        await QueueTagAsync(7, "v1.0.0", 1);
        await PublishAsync((await History.Runs.ClaimAsync("first", engine, History.Lease, Token)).ShouldNotBeNull());
    }

    private Task PutOffAsync(ClaimedRun run, string? roomEngine) =>
        History.Ledger.PutOffAsync(run, new Reason(ReasonCode.EngineFull, "It is full."), TimeSpan.Zero, roomEngine, Token);

    private Task ParkAsync(ClaimedRun run) =>
        History.Ledger.ParkAsync(run, new Reason(ReasonCode.RegistryUnavailable, "It is away."), TimeSpan.Zero, Token);

    private Task MarkAsync(long project, string engine) => History.Database.WriteAsync(
        async (context, token) =>
        {
            (await context.Projects.FindAsync([project], token)).ShouldNotBeNull().LastEngine = engine;
            return await context.SaveChangesAsync(token);
        },
        Token);
}

public sealed class WorkersOnSqlite() : WorkerTests(new SqliteDatabases());

public sealed class WorkersOnPostgres(PostgresServer server) : WorkerTests(new PostgresDatabases(server))
{
    [Fact]
    public async Task Another_Process_Hears_Of_A_Piece_Of_A_Log_And_Of_Queued_Releases()
    {
        await using var neighbour = History.Neighbour();
        var heard = new TaskCompletionSource<Guid>(TaskCreationOptions.RunContinuationsAsynchronously);
        var queued = new SemaphoreSlim(0);
        neighbour.Signals.LogAppended += id => heard.TrySetResult(id);
        neighbour.Signals.Queued += () => queued.Release();
        await neighbour.Signals.StartAsync(Token);
        // The first says that it listens.
        await WaitAsync(queued);

        var id = await QueueTagAsync(7, "v1.0.0", 1);
        await WaitAsync(queued);
        var run = await ClaimRunAsync();
        await History.Logs.AppendAsync(run.Release.Id, run.Fence, "hello\n"u8.ToArray(), Token);
        (await heard.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token)).ShouldBe(id);

        // A server that throws everybody out is listened to again.
        await server.CutConnectionsAsync(History.Storage.ConnectionString.Reveal(), Token);
        await WaitAsync(queued);
        await neighbour.Signals.StopAsync(Token);
    }

    [Fact]
    public async Task A_Pause_Is_Answered_After_The_Claim_That_Was_Under_Way()
    {
        await History.Workers.ShowAsync(State("one"), Token);
        await QueueTagAsync(7, "v1.0.0", 1);
        await QueueTagAsync(8, "v1.0.0", 2);
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var letGo = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var neighbour = History.Neighbour();
        // As another who takes the repository, and has not committed that yet.
        var taking = neighbour.Database.WriteAsync(
            async (context, token) =>
            {
                var past = History.Time.GetUtcNow() - TimeSpan.FromHours(1);
                context.ResourceLocks.Add(new ResourceLock { Resource = "repository:registry.example/acme/app-7", ReleaseId = Guid.CreateVersion7(), Fence = 1, Until = past });
                await context.SaveChangesAsync(token);
                held.SetResult();
                await letGo.Task;
                return true;
            },
            Token);
        await (await Task.WhenAny(held.Task, taking));

        var claiming = History.Runs.ClaimAsync("one", engine: null, History.Lease, Token);
        await UntilWaitingAsync(1);
        var pausing = neighbour.Workers.PauseAsync("one", isPaused: true, Token);
        await UntilWaitingAsync(2, pausing);
        pausing.IsCompleted.ShouldBeFalse("the claim is not over");
        letGo.SetResult();
        await taking;

        (await claiming).ShouldNotBeNull();
        (await pausing).ShouldBeTrue();
        (await History.Runs.ClaimAsync("one", engine: null, History.Lease, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Worker_That_Shows_A_Full_Engine_While_It_Claims_Has_No_Project_Yet_For_Which_The_Claim_Would_Wait()
    {
        await History.Workers.ShowAsync(State("one", "engine"), Token);
        await QueueTagAsync(7, "v1.0.0", 1);
        await History.Database.WriteAsync((context, token) => context.Projects.ExecuteUpdateAsync(row => row.SetProperty(p => p.LastEngine, "engine"), token), Token);
        await using var neighbour = History.Neighbour();
        var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // As a claim that has read its own row, and starts its release afterwards.
        var tries = 0;
        var claiming = neighbour.Database.WriteAsync(
            async (context, token) =>
            {
                tries++;
                await context.Database.ExecuteSqlRawAsync("SELECT 1 FROM worker_heartbeats WHERE name = 'one' FOR SHARE", token);
                read.TrySetResult();
                await goOn.Task;
                return await context.Database.ExecuteSqlRawAsync("SELECT 1 FROM projects FOR UPDATE NOWAIT", token);
            },
            Token);
        await (await Task.WhenAny(read.Task, claiming));

        var showing = History.Workers.ShowAsync(State("one", "engine") with { IsFull = true }, Token);
        await UntilWaitingAsync(1, showing);
        goOn.SetResult();

        await claiming;
        (await showing).ShouldBeFalse();
        tries.ShouldBe(1, "whoever shows itself had the project already");
        (await History.RowsAsync<Project>()).ShouldHaveSingleItem().LastEngine.ShouldBeNull();
    }

    /// <summary>Until so many wait for a lock of another, or one of them has come through.</summary>
    private async Task UntilWaitingAsync(int number, Task? through = null) => await History.UntilAsync(
        async () =>
        {
            var waiting = await History.Database.ReadAsync(
                (context, token) => context.Database.SqlQueryRaw<int>(
                    "SELECT count(*)::int AS \"Value\" FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").SingleAsync(token),
                Token);
            return through is { IsCompleted: true } || waiting >= number ? "so it is" : null;
        });

    private static async Task WaitAsync(SemaphoreSlim signal) => (await signal.WaitAsync(TimeSpan.FromSeconds(30), Token)).ShouldBeTrue("nothing was heard");
}
