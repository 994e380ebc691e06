using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;
using ReleaseBot.Registries;
using ReleaseBot.Worker;
using Shouldly;

namespace ReleaseBot.Integration.History;

/// <summary>What a worker has in hand.</summary>
internal abstract record GameWork(Guid Id, long Fence)
{
    public sealed record OfRelease(ClaimedRun Run, SemanticVersion Version) : GameWork(Run.Release.Id, Run.Fence);

    public sealed record OfChange(TagChange Change, long Fence) : GameWork(Change.Id, Fence);
}

/// <summary>
/// A worker process: the program's own classes over a store and registries of their own, each call of which stops at the worker's gate. It works on
/// releases or on wishes about tags. Only what an engine does is played: it pushes the first version tag.
/// </summary>
internal sealed class GameWorker : IAsyncDisposable
{
    /// <summary>Longer than a game; the game itself ends leases.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);

    private readonly string _name;
    private readonly GameGate _gate = new();
    private readonly GameStoreGate _storeGate;
    private readonly HistoryHost _history;
    private readonly HistoryHost _main;
    private readonly RegistryClients _registries;
    private readonly DockerEngine _engine;
    private readonly WorkerWakeUps _wakeUps;
    private readonly ImageSurvey _survey;
    private readonly ImageSpread _spread;
    private readonly LastLook _look;
    private readonly TagsStage _tags;
    private readonly TagChangeRunner _runner;
    private readonly DriftCheck _drift;
    private readonly List<RunLog> _logs = [];
    private TagGame? _game;
    private CancellationTokenSource _lease = new();
    private Task _task = Task.CompletedTask;

    public GameWorker(string name, bool isForReleases, HistoryHost history, IGameRegistries registries)
    {
        (_name, IsForReleases, _main) = (name, isForReleases, history);
        _storeGate = new GameStoreGate(_gate);
        _history = history.Neighbour(_storeGate);
        var clock = new GameClock(_gate, history.Time);
        _registries = new RegistryClients(registries.Settings, settings => new RegistryClient(
            settings, new TrustedRealms(new Uri("https://gitlab.example/")), clock, NullLogger<RegistryClient>.Instance, RegistryLimits.Default,
            new Passage(this, registries.Connect())));
        _engine = new DockerEngine(new EngineSettings(), clock, NullLogger<DockerEngine>.Instance);
        _wakeUps = new WorkerWakeUps(TimeProvider.System);
        _survey = new ImageSurvey(_registries, _history.Tags, _history.Ledger, _engine);
        _spread = new ImageSpread(_registries, _survey, _history.Tags);
        _look = new LastLook(_survey, _history.Ledger, clock);
        _tags = new TagsStage(new TagMover(_registries, _history.Tags, clock), _history.Ledger);
        _runner = new TagChangeRunner(_registries, _history.Changes, new PublishingSettings(), clock, NullLogger<TagChangeRunner>.Instance);
        _drift = new DriftCheck(_registries, _history.Drift, new PublishingSettings(), [], _wakeUps, clock, NullLogger<DriftCheck>.Instance);
        _storeGate.Recorded = move => _game?.Referee.Recorded(this, move);
    }

    public bool IsForReleases { get; }

    /// <summary>It found nothing to do.</summary>
    public bool IsIdle { get; private set; }

    /// <summary>How many works had ended in the game when it found nothing.</summary>
    public int Saw { get; set; }

    /// <summary>It stands still as if stopped by a signal, and what it held has run out.</summary>
    public bool IsAsleep { get; set; }

    /// <summary>It slept since it took what it has in hand: what it held may be another's.</summary>
    public bool IsLate { get; set; }

    public GameWork? Work { get; private set; }

    public string? StandsBefore => _task.IsCompleted ? null : _gate.StandsBefore;

    public static SemanticVersion Version(string text) => SemanticVersion.TryParseTag(text, out var version) ? version : throw new ArgumentException(text);

    public override string ToString() => _name;

    public void Enter(TagGame game)
    {
        _game = game;
        (IsIdle, IsAsleep, IsLate, Saw, Work, _task) = (false, false, false, 0, null, Task.CompletedTask);
        _gate.Close();
    }

    public async Task LeaveAsync()
    {
        await KillAsync();
        _gate.Open();
        _game = null;
        foreach (var log in _logs)
        {
            await log.DisposeAsync();
        }

        _logs.Clear();
    }

    /// <summary>One call further; from the end of one work to the first call of the next.</summary>
    public async Task StepAsync(int pick, CancellationToken token)
    {
        if (_task.IsCompleted)
        {
            await _task;
            (IsIdle, IsLate) = (false, false);
            _task = IsForReleases ? RunReleaseAsync(token) : RunChangeAsync(token);
        }

        await _gate.StepAsync(_task, pick);
        if (_task.IsCompleted)
        {
            await _task;
            Ended();
        }
    }

    /// <summary>Its lease hears that its release is canceled, in the middle of a call; in a wait it hears of it at the next one.</summary>
    public void HearOfCancel()
    {
        if (StandsBefore is { } call && !call.StartsWith(GameGate.Waits, StringComparison.Ordinal))
        {
            _lease.Cancel();
        }
    }

    /// <summary>kill -9. What it held stays held.</summary>
    public async Task KillAsync()
    {
        try
        {
            await _gate.KillAsync(_task);
        }
        catch (KilledException)
        {
            // It is what was asked for.
        }

        _task = Task.CompletedTask;
        Ended();
        _gate.Close();
    }

    /// <summary>Looks whether a registry holds what was recorded; not call by call.</summary>
    public async Task CheckDriftAsync(CancellationToken token)
    {
        _gate.Open();
        await _drift.RunAsync(token);
        _gate.Close();
    }

    public async ValueTask DisposeAsync()
    {
        _registries.Dispose();
        _lease.Dispose();
        _wakeUps.Dispose();
        await _engine.DisposeAsync();
        await _history.DisposeAsync();
    }

    private void Ended()
    {
        _game?.Referee.Ended(this);
        Work = null;
    }

    private async Task RunChangeAsync(CancellationToken token)
    {
        if (await _history.Changes.ClaimAsync(Lease, token) is not { } claimed)
        {
            IsIdle = true;
            return;
        }

        Work = new GameWork.OfChange(claimed.Change, claimed.Fence);
        await _runner.RunAsync(claimed, token);
    }

    /// <summary>The stages of a release from the push on.</summary>
    private async Task RunReleaseAsync(CancellationToken token)
    {
        if (await _history.Runs.ClaimAsync(_name, engine: null, Lease, token) is not { } claimed)
        {
            IsIdle = true;
            return;
        }

        var version = Version(claimed.Release.Version!);
        Work = new GameWork.OfRelease(claimed, version);
        var log = new RunLog(_main.Logs, claimed.Release.Id, claimed.Fence, new SecretMask([]), TimeProvider.System, NullLogger.Instance);
        _logs.Add(log);
        _lease.Dispose();
        _lease = new CancellationTokenSource();
        try
        {
            await RunToItsEndAsync(new ReleaseRun(claimed, _game!.Rule, _game.PlanOf(version), log), version, token);
        }
        catch (FencedOffException)
        {
            _game!.Tell($"{this}: {version} is another's");
        }
    }

    private async Task RunToItsEndAsync(ReleaseRun run, SemanticVersion version, CancellationToken token)
    {
        try
        {
            await RunReleaseAsync(run, version, _lease.Token);
        }
        catch (Exception exception) when (exception is CancelRequestedException || exception is OperationCanceledException && _lease.IsCancellationRequested)
        {
            await _look.TakeAsync(run, token);
            await _history.Ledger.FinishAsync(run.Claimed, ReleaseStatus.Canceled, new Reason(ReasonCode.Canceled, "Canceled by ops."), [], token);
            await _game!.CanceledAsync(run.Release.Id, version);
            _game.Tell($"{this}: {version} is canceled");
        }
    }

    private async Task RunReleaseAsync(ReleaseRun run, SemanticVersion version, CancellationToken token)
    {
        var claimed = run.Claimed;
        await _history.Ledger.StartStageAsync(claimed, StageName.Push, ReleaseStatus.Pushing, token);
        (await _history.Tags.ReserveAsync(claimed, OverwritePolicy.Refuse, token)).ShouldBeNull();
        var manifest = _game!.ManifestOf(version);
        if (run.ImageId is null)
        {
            run.ImageId = manifest.ConfigDigest!.Value;
            await _history.Ledger.RecordBuiltAsync(claimed, run.ImageId, token);
        }

        if (!await PushAsync(run, manifest, token))
        {
            return;
        }

        if (_game.Fails(version) == GameFailure.InThePush)
        {
            await FailAsync(run, version, token);
            return;
        }

        await _history.Ledger.StartStageAsync(claimed, StageName.Tags, ReleaseStatus.Pushing, token);
        var result = await _tags.RunAsync(run, token);
        if (result is StageResult.Wait wait)
        {
            await ParkAsync(run, wait.Reason, token);
        }
        else if (_game.Fails(version) == GameFailure.AfterTheTags)
        {
            await FailAsync(run, version, token);
        }
        else
        {
            result.ShouldBeOfType<StageResult.Next>($"{version}: {result}\n{_game.Story}");
            await _history.Ledger.FinishAsync(claimed, ReleaseStatus.Published, null, [], token);
            _game.Published(this, version);
        }
    }

    /// <returns>False where the release waits for a registry.</returns>
    private async Task<bool> PushAsync(ReleaseRun run, RegistryManifest manifest, CancellationToken token)
    {
        var troubles = new PushTroubles(run, _history.Ledger);
        var first = run.Carriers.First();
        (await troubles.SideBySideAsync(run.IsHeldByARegistry ? [] : [first], image => PushFirstAsync(run, image, manifest, token), goesOn: false, token)).ShouldBeNull(_game!.Story);
        if (run.IsHeldByARegistry)
        {
            (await _spread.RunAsync(run, troubles, token)).ShouldBeNull(_game.Story);
        }

        if (troubles.Result() is not StageResult.Wait wait)
        {
            return true;
        }

        await ParkAsync(run, wait.Reason, token);
        return false;
    }

    private async Task<StageResult.End?> PushFirstAsync(ReleaseRun run, ReleaseImage image, RegistryManifest manifest, CancellationToken token)
    {
        var (refusal, before) = await _survey.ExamineAsync(run, image, token);
        if (refusal is null && image.Status != ImageStatus.Pushed)
        {
            await _history.Tags.BeginPushAsync(run.Claimed, image, token);
            await _gate.PassAsync($"the engine's push of {image.Image}");
            _game!.SeeVersion(this, image.Image);
            await _game.Registries.PushAsync(image.Image, manifest.Digest, token);
            await _history.Tags.RecordMoveAsync(
                run.Claimed, image, before, manifest.Digest, ImageSpread.VerdictOf(image, before, manifest.Digest), ImageSpread.WhyOf(image, before, manifest.Digest), token);
            run.MarkPushed(image, manifest.Digest);
        }

        return refusal;
    }

    private async Task ParkAsync(ReleaseRun run, Reason reason, CancellationToken token)
    {
        await _history.Ledger.ParkAsync(run.Claimed, reason, TimeSpan.FromMinutes(1), token);
        _game!.Tell($"{this}: {run.Release.RefName} waits: {reason.Message}");
    }

    private async Task FailAsync(ReleaseRun run, SemanticVersion version, CancellationToken token)
    {
        await _history.Ledger.FinishAsync(run.Claimed, ReleaseStatus.Failed, new Reason(ReasonCode.PushFailed, "no"), [], token);
        _game!.Tell($"{this}: {version} failed");
    }

    /// <summary>The way to a registry, with a gate.</summary>
    private sealed class Passage(GameWorker worker, HttpMessageHandler way) : DelegatingHandler(way)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await worker._gate.PassAsync($"{request.Method} {request.RequestUri!.AbsolutePath}");
            var trouble = worker._game?.TakeTrouble(request.RequestUri.Authority) ?? GameTrouble.None;
            if (trouble == GameTrouble.Away)
            {
                return new HttpResponseMessage(HttpStatusCode.ServiceUnavailable);
            }

            await (worker._game?.SeeAsync(worker, request) ?? Task.CompletedTask);
            var answer = await base.SendAsync(request, cancellationToken);
            if (trouble == GameTrouble.None)
            {
                return answer;
            }

            answer.Dispose();
            return new HttpResponseMessage(HttpStatusCode.BadGateway);
        }
    }
}

internal enum GameTrouble
{
    None,
    /// <summary>The registry does nothing.</summary>
    Away,
    /// <summary>It does what it is asked, and the answer is lost.</summary>
    AnswerLost,
}

internal enum GameFailure
{
    None,
    InThePush,
    AfterTheTags,
}
