using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Why a run has to end before its time.</summary>
internal enum RunEnd
{
    None,
    Lost,
    Canceled,
    Stopping,
}

/// <summary>
/// Keeps a release held while it runs. A fault of the database is borne for as long as the lease lasts; then the run ends itself, before
/// another may begin it.
/// </summary>
internal sealed partial class RunLease(RunQueue queue, HistorySignals signals, ClaimedRun claimed, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AbortAfter = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _run = new();
    private readonly CancellationTokenSource _done = new();
    private readonly WakeUp _asked = new(time);
    private Task _keeper = Task.CompletedTask;

    /// <summary>Canceled when the run has to end; <see cref="End"/> tells why.</summary>
    public CancellationToken Token => _run.Token;

    public RunEnd End { get; private set; }

    public void Start()
    {
        signals.CancelRequested += Hear;
        _keeper = Task.Run(KeepAsync);
    }

    public void Stop() => Abort(RunEnd.Stopping);

    public async ValueTask DisposeAsync()
    {
        signals.CancelRequested -= Hear;
        await _done.CancelAsync();
        await _keeper;
        _run.Dispose();
        _done.Dispose();
    }

    private void Hear(Guid releaseId)
    {
        if (releaseId == claimed.Release.Id)
        {
            _asked.Set();
        }
    }

    private async Task KeepAsync()
    {
        var renewedAt = time.GetTimestamp();
        try
        {
            while (true)
            {
                await _asked.WaitAsync(Heartbeat, _done.Token);
                var age = time.GetElapsedTime(renewedAt);
                var beat = time.GetTimestamp();
                switch (await BeatAsync(isDue: age >= RenewEvery, _done.Token))
                {
                    case LeaseState.Lost:
                        Abort(RunEnd.Lost);
                        return;
                    case LeaseState.CancelRequested:
                        Abort(RunEnd.Canceled);
                        break;
                    case LeaseState.Held when age >= RenewEvery:
                        renewedAt = beat;
                        break;
                    case null when time.GetElapsedTime(renewedAt) >= AbortAfter:
                        Abort(RunEnd.Lost);
                        return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
    }

    /// <returns>Null where the database did not answer.</returns>
    private async Task<LeaseState?> BeatAsync(bool isDue, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(CallLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return isDue
                ? await queue.RenewAsync(claimed, Length, either.Token)
                : await queue.StateAsync(claimed, either.Token);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.BeatFailed(logger, claimed.Release.Id, exception.GetType().Name);
            return null;
        }
    }

    private void Abort(RunEnd why)
    {
        if (End == RunEnd.None)
        {
            End = why;
            _run.Cancel();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The lease of release {ReleaseId} could not be looked after ({Fault}).")]
        public static partial void BeatFailed(ILogger logger, Guid releaseId, string fault);
    }
}
