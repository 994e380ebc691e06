using System.Net;
using ReleaseBot.History;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class WorkerTests
{
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
