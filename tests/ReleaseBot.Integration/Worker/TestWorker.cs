using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Registries;
using ReleaseBot.Worker;

namespace ReleaseBot.Integration.Worker;

/// <summary>The program's own worker, put together by hand, with an engine that does not answer: what it does with a release that is built already.</summary>
internal sealed class TestWorker : IAsyncDisposable
{
    private readonly DockerEngine _engine;
    private readonly GitLabClient _gitLab;
    private readonly RunExecutor _executor;

    public TestWorker(HistoryHost history, RegistryClients clients, ProjectRule rule, GitLabSettings gitLab, PublishingSettings? publishing = null)
    {
        EngineSettings settings = new() { Endpoint = new Uri("unix:///nonexistent/docker.sock") };
        var time = TimeProvider.System;
        _engine = new DockerEngine(settings, time, NullLogger<DockerEngine>.Instance);
        _gitLab = new GitLabClient(gitLab, time, NullLogger<GitLabClient>.Instance);
        EngineCredentials credentials = new(new Dictionary<string, RegistrySettings>());
        EngineUpkeep upkeep = new(_engine, history.Queries, settings, time, NullLogger<EngineUpkeep>.Instance);
        EngineRoom room = new(_engine, upkeep, settings, NullLogger<EngineRoom>.Instance);
        ImageSurvey survey = new(clients, history.Tags, history.Ledger, _engine);
        LastLook look = new(survey, history.Ledger, time);
        SourceFetcher fetcher = new(_gitLab, new GitSource(gitLab, time, NullLogger<GitSource>.Instance), time);
        FirstPush first = new(_engine, credentials, clients, history.Tags, time);
        ReleasePipeline pipeline = new(
            new SourceStage(survey, room, fetcher, time),
            new BuildStage(_engine, room, history.Ledger, credentials, time),
            new PushStage(_gitLab, history.Tags, history.Ledger, survey, first, new ImageSpread(clients, survey, history.Tags)),
            new TagsStage(new TagMover(clients, history.Tags, time), history.Ledger),
            look, history.Ledger, [rule], publishing ?? new PublishingSettings(), time, NullLogger<ReleasePipeline>.Instance);
        _executor = new RunExecutor(
            history.Runs, history.Ledger, history.Logs, history.Signals, pipeline, look, _engine, upkeep, [rule], new SecretMask([]), time, NullLogger<RunExecutor>.Instance);
    }

    /// <summary>One attempt, to whatever end it has.</summary>
    public Task RunAsync(ClaimedRun claimed, CancellationToken cancellationToken) => _executor.RunAsync(claimed, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _gitLab.Dispose();
        await _engine.DisposeAsync();
    }
}
