using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>What a follower of a log is to do next.</summary>
internal abstract record FeedStep
{
    private FeedStep()
    {
    }

    /// <summary>Send these pieces.</summary>
    public sealed record Pieces(IReadOnlyList<LogPiece> Items) : FeedStep;

    /// <summary>The follower is behind what the feed keeps: it has to read for itself until it has caught up.</summary>
    /// <param name="Last">The newest piece.</param>
    public sealed record Behind(long Last) : FeedStep;

    /// <summary>Everything is sent, and the release has ended.</summary>
    /// <param name="Status">Null where the release is gone.</param>
    public sealed record Ended(ReleaseStatus? Status) : FeedStep;

    /// <summary>The history could not be read; whoever comes again gets another feed.</summary>
    public sealed record Lost : FeedStep;

    /// <summary>There is nothing new until this ends.</summary>
    public sealed record Wait(Task Changed) : FeedStep;
}

/// <summary>
/// The live end of one release's log, read once for all who follow it. It keeps the newest pieces up to a bound; who is behind those reads for
/// himself, so that a slow follower costs no memory.
/// </summary>
internal sealed partial class LogFeed : IAsyncDisposable
{
    private const int PiecesAtATime = 16;
    private const int KeptPieces = 64;
    private const int KeptBytes = 1 << 20;

    /// <summary>How long a piece may go unnoticed whose notification was lost.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Queue<LogPiece> _kept = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ILogger _logger;
    private readonly WakeUp _wakeUp;
    private readonly Task _reader;
    private TaskCompletionSource _changed = NewSignal();
    private long _keptBytes;

    /// <summary>The newest piece that was read; null until it is known where the log is.</summary>
    private long? _last;

    private bool _hasEnded;
    private ReleaseStatus? _status;
    private bool _isLost;

    public LogFeed(Guid releaseId, HistoryQueries history, ReleaseLogStore logs, TimeProvider time, ILogger logger)
    {
        _logger = logger;
        _wakeUp = new WakeUp(time);
        _reader = Task.Run(() => ReadAsync(releaseId, history, logs));
    }

    /// <summary>It reads no more. Whoever follows from now on needs another: a release that had ended may run again.</summary>
    public bool IsOver
    {
        get
        {
            lock (_lock)
            {
                return _isLost || _hasEnded;
            }
        }
    }

    /// <summary>How many follow; kept by the owner, under its lock.</summary>
    public int Followers { get; set; }

    public void Wake() => _wakeUp.Set();

    /// <summary>What to do for a follower that has everything up to a piece.</summary>
    public FeedStep After(long sequence)
    {
        lock (_lock)
        {
            if (_isLost)
            {
                return new FeedStep.Lost();
            }

            if (_last is null)
            {
                return new FeedStep.Wait(_changed.Task);
            }

            if (sequence < _last)
            {
                return _kept.TryPeek(out var oldest) && sequence >= oldest.Sequence - 1
                    ? new FeedStep.Pieces([.. _kept.Where(piece => piece.Sequence > sequence)])
                    : new FeedStep.Behind(_last.Value);
            }

            return _hasEnded ? new FeedStep.Ended(_status) : new FeedStep.Wait(_changed.Task);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reader;
        _wakeUp.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync(Guid releaseId, HistoryQueries history, ReleaseLogStore logs)
    {
        try
        {
            // What was written before is each follower's own to read.
            var after = await logs.LastAsync(releaseId, _stop.Token);
            Change(() => _last = after);
            while (true)
            {
                // The status first: what is appended after it was read is not missed, since nothing is appended to a release that has ended.
                var status = await history.StatusAsync(releaseId, _stop.Token);
                var pieces = await logs.ReadAsync(releaseId, after, PiecesAtATime, _stop.Token);
                if (pieces.Count > 0)
                {
                    after = pieces[^1].Sequence;
                    Change(() => Keep(pieces));
                }
                else if (status is null || status.Value.IsFinal())
                {
                    Change(() => (_hasEnded, _status) = (true, status));
                    return;
                }
                else
                {
                    await _wakeUp.WaitAsync(PollInterval, _stop.Token);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Nobody follows any more.
        }
        catch (Exception exception)
        {
            Log.Lost(_logger, releaseId, exception);
            Change(() => _isLost = true);
        }
    }

    private void Keep(IReadOnlyList<LogPiece> pieces)
    {
        foreach (var piece in pieces)
        {
            _kept.Enqueue(piece);
            _keptBytes += piece.Text.Length;
            _last = piece.Sequence;
        }

        while (_kept.Count > KeptPieces || (_keptBytes > KeptBytes && _kept.Count > 1))
        {
            _keptBytes -= _kept.Dequeue().Text.Length;
        }
    }

    private void Change(Action change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            change();
            (changed, _changed) = (_changed, NewSignal());
        }

        changed.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The log of release {ReleaseId} can't be followed for now.")]
        public static partial void Lost(ILogger logger, Guid releaseId, Exception exception);
    }
}
