using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Shows this worker to the others every few seconds and whenever a slot fills or empties, and learns whether an operator has paused it.</summary>
internal sealed partial class WorkerPresence(
    WorkerRegister register, WorkerIdentity identity, WorkerWakeUps wakeUps, DockerEngine engine, EngineRoom room, EngineSettings settings, TimeProvider time,
    ILogger<WorkerPresence> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(10);

    /// <summary>An engine that is slower than that has enough to do.</summary>
    private static readonly TimeSpan EngineLimit = TimeSpan.FromSeconds(3);

    private readonly WakeUp _changed = new(time);
    private readonly DateTimeOffset _startedAt = time.GetUtcNow();
    private int _running;
    private volatile string? _engine;
    private volatile bool _isPaused;
    private volatile bool _isShownFull;
    private string? _shown;
    private bool _wasMissed;

    /// <summary>True while no release may be claimed.</summary>
    public bool IsPaused => _isPaused;

    /// <summary>Before a claim: that the engine is full has to be on record, since the claim goes by it.</summary>
    public async Task ShowFullAsync(CancellationToken cancellationToken)
    {
        if (room.IsFull && !_isShownFull)
        {
            await ShowAsync(cancellationToken);
        }
    }

    /// <summary>Counts a slot as busy until it is disposed of.</summary>
    public IDisposable Busy()
    {
        Interlocked.Increment(ref _running);
        _changed.Set();
        return new BusySlot(this);
    }

    /// <summary>The id that the engine gives itself, asked for again once it has been away; null while it does not answer.</summary>
    public async Task<string?> FindEngineAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(EngineLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            if (_engine is null)
            {
                _engine = await engine.GetIdAsync(either.Token);
            }
            else
            {
                await engine.PingAsync(either.Token);
            }
        }
        catch (Exception exception) when (exception is EngineException || limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            _engine = null;
        }

        return _engine;
    }

    public override void Dispose()
    {
        _changed.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using (var limit = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken))
            {
                limit.CancelAfter(CallLimit);
                await ShowAsync(limit.Token);
            }

            await _changed.WaitAsync(Interval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await LeaveAsync();
    }

    private async Task ShowAsync(CancellationToken cancellationToken)
    {
        try
        {
            var found = await FindEngineAsync(cancellationToken);
            if (found is not null)
            {
                await room.LookAgainAsync(cancellationToken);
            }

            // One answer that comes late is no engine that is away: what is built there would be built again elsewhere.
            _shown = found ?? (_wasMissed ? null : _shown);
            _wasMissed = found is null;

            var (wasPaused, isFull) = (_isPaused, room.IsFull);
            _isPaused = await register.ShowAsync(
                new WorkerState(identity.Name, _shown, _startedAt, settings.Concurrency, Volatile.Read(ref _running), isFull), cancellationToken);
            _isShownFull = isFull;
            if (_isPaused != wasPaused)
            {
                Log.Paused(logger, _isPaused ? "paused" : "no longer paused");
                wakeUps.Slots.Set();
            }
        }
        catch (Exception exception)
        {
            Log.NotShown(logger, exception.GetType().Name);
        }
    }

    private async Task LeaveAsync()
    {
        using var limit = new CancellationTokenSource(CallLimit, time);
        try
        {
            await register.LeaveAsync(identity.Name, limit.Token);
        }
        catch (Exception exception)
        {
            Log.NotShown(logger, exception.GetType().Name);
        }
    }

    private sealed class BusySlot(WorkerPresence presence) : IDisposable
    {
        public void Dispose()
        {
            Interlocked.Decrement(ref presence._running);
            presence._changed.Set();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "This worker is {State} by an operator's wish.")]
        public static partial void Paused(ILogger logger, string state);

        [LoggerMessage(EventId = 2, Level = LogLevel.Debug, Message = "The worker could not show itself ({Fault}).")]
        public static partial void NotShown(ILogger logger, string fault);
    }
}
