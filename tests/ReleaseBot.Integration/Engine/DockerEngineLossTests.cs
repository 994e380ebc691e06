using System.Runtime.Versioning;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Engine;

/// <summary>Builds that are given up, and engines that go away or never were.</summary>
[SupportedOSPlatform("linux")]
[Collection(EngineCollection.Name)]
public sealed class DockerEngineLossTests(DockerEngineFixture fixture)
{
    private readonly LineLog _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(BuilderKind.BuildKit)]
    [InlineData(BuilderKind.Classic)]
    public async Task A_Canceled_Build_Ends_At_The_Engine_Within_Seconds(BuilderKind builder)
    {
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var marker = Marker();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var building = engine.BuildAsync(Sleeping(marker).Request("canceled"), _log, cancel.Token);
        await UntilAsync(() => IsRunning(marker), "the step does not run");

        var start = TimeProvider.System.GetTimestamp();
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(building);

        TimeProvider.System.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(builder == BuilderKind.BuildKit ? 2 : 5));
        await UntilAsync(() => !IsRunning(marker), "the step still runs");
        (await engine.HasImageAsync("releasebot/canceled:build", Token)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_Build_Is_Canceled_While_Its_Context_Is_Sent()
    {
        await using var engine = Engines.To(fixture.Endpoint);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var request = new Repository(Repository.Busybox).Request("sending") with
        {
            WriteContext = async (body, token) =>
            {
                await body.WriteAsync(new byte[512], token);
                begun.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
            },
        };
        var building = engine.BuildAsync(request, _log, cancel.Token);
        await begun.Task.WaitAsync(Token);

        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(building.WaitAsync(TimeSpan.FromSeconds(5), TimeProvider.System, Token));
    }

    [Fact]
    public async Task What_An_Earlier_Attempt_Left_Running_Is_Ended_By_Its_Id()
    {
        await using var engine = Engines.To(fixture.Endpoint);
        var marker = Marker();
        var request = Sleeping(marker).Request("left");
        var building = engine.BuildAsync(request, _log, Token);
        await UntilAsync(() => IsRunning(marker), "the step does not run");

        await using var other = Engines.To(fixture.Endpoint);
        await other.CancelBuildAsync(request.BuildId, Token);

        await Should.ThrowAsync<EngineUnavailableException>(building);
        await UntilAsync(() => !IsRunning(marker), "the step still runs");
        await other.CancelBuildAsync("never-heard-of", Token);
    }

    [Theory]
    [InlineData("unix:///tmp/there-is-no-engine.sock")]
    [InlineData("tcp://127.0.0.1:9")]
    public async Task An_Engine_That_Is_Not_There_Is_Told_With_Its_Endpoint_And_A_Cure(string endpoint)
    {
        await using var engine = Engines.To(new Uri(endpoint));
        var fault = await Should.ThrowAsync<EngineUnavailableException>(() => engine.GetVersionAsync(Token));
        fault.Message.ShouldContain(endpoint);
        fault.Message.ShouldContain("Engine:Endpoint");
        await Should.ThrowAsync<EngineUnavailableException>(() => engine.BuildAsync(new Repository("FROM scratch\n").Request("nowhere"), _log, Token));
        await Should.ThrowAsync<EngineUnavailableException>(() => engine.PruneBuildCacheAsync(0, Token));
        await Should.ThrowAsync<EngineUnavailableException>(() => engine.HasImageAsync("x", Token));
    }

    [Fact]
    public async Task An_Engine_That_Dies_In_Mid_Build_May_Be_Tried_Again()
    {
        await using var daemon = await DockerDaemon.StartAsync(new DockerDaemonOptions());
        await using var engine = Engines.To(daemon.Endpoint);
        var marker = Marker();
        var building = engine.BuildAsync(Sleeping(marker).Request("killed"), _log, Token);
        await UntilAsync(() => IsRunning(marker), "the step does not run");

        daemon.KillHard();

        var fault = await Should.ThrowAsync<EngineUnavailableException>(building.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token));
        fault.Message.ShouldContain(daemon.Endpoint.ToString());
    }

    [Fact]
    public async Task Without_Sessions_The_Classic_Builder_Builds_From_Then_On()
    {
        await using var front = await EngineFront.WithoutSessionsAsync(fixture.Endpoint, Token);
        await using var engine = Engines.To(front.Endpoint);
        var repository = new Repository(Repository.Busybox + "RUN echo built without sessions\n");

        await engine.BuildAsync(repository.Request("fallback"), _log, Token);
        await engine.BuildAsync(repository.Request("fallback"), _log, Token);

        _log.Lines.ShouldContain("built without sessions", _log.Text);
        repository.Written.ShouldBe(2);
        front.Paths.Count(path => path == "/session").ShouldBe(1);
        await using var strict = Engines.To(front.Endpoint, BuilderKind.BuildKit);
        (await Should.ThrowAsync<BuildFailedException>(() => strict.BuildAsync(repository.Request("strict"), _log, Token))).Message.ShouldContain("Engine:Builder");
    }

    [Fact]
    public async Task A_Builder_That_Refuses_Late_Gets_The_Context_A_Second_Time()
    {
        await using var front = await EngineFront.WithoutBuildKitAsync(fixture.Endpoint, Token);
        await using var engine = Engines.To(front.Endpoint);
        var repository = new Repository(Repository.Busybox + "RUN echo built in the end\n");

        await engine.BuildAsync(repository.Request("late"), _log, Token);

        repository.Written.ShouldBe(2);
        _log.Lines.ShouldContain("built in the end", _log.Text);
    }

    private static Repository Sleeping(string marker) => new(Repository.Busybox + $"RUN sleep {marker}\n");

    /// <summary>A number of seconds that no other process sleeps for.</summary>
    private static string Marker() => $"3{Random.Shared.Next(100_000_000, 999_999_999)}";

    private static bool IsRunning(string marker) =>
        Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])).Any(path =>
        {
            try
            {
                return File.ReadAllText($"{path}/cmdline").Contains($"sleep\0{marker}", StringComparison.Ordinal)
                    || File.ReadAllText($"{path}/cmdline").Contains($"sleep {marker}", StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        });

    private static async Task UntilAsync(Func<bool> condition, string state)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            TimeProvider.System.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(30), state);
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
        }
    }
}
