using System.Globalization;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>
/// The log of a release as people read it. Lines are masked, gathered for a moment and appended in pieces, so that a chatty build costs a few
/// writes a second. Who writes a line never waits: an engine whose stream is read too slowly may never end its build (BuildKit in dockerd 20.10 then
/// sends one empty progress after the other). What the history can't take yet is spooled. The first 32 MB are kept, and where more comes the log says so.
/// </summary>
internal sealed partial class RunLog : IBuildLog, IAsyncDisposable
{
    private const int MaxPieceBytes = 64 * 1024;
    private const int MaxLineLength = 16 * 1024;
    private const long MaxLogBytes = 32L << 20;
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(150);

    /// <summary>A history that takes no piece for so long is not waited for.</summary>
    private static readonly TimeSpan PieceLimit = TimeSpan.FromSeconds(20);

    /// <summary>Between tries of a piece that the history did not take.</summary>
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    /// <summary>For all that waits, where the history takes one piece after the other but each of them slowly.</summary>
    private static readonly TimeSpan FlushLimit = TimeSpan.FromMinutes(10);

    private readonly LogSpool _waiting = new(Path.GetTempPath(), MaxLogBytes, $"[the log ends here: {MaxLogBytes >> 20} MB are kept]");
    private readonly Channel<bool> _arrivals = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    private readonly ReleaseLogStore _store;
    private readonly Guid _releaseId;
    private readonly long _fence;
    private readonly SecretMask _mask;
    private readonly LineMask _lineMask;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Task _writer;
    private TaskCompletionSource _hurry = NewSignal();
    private TaskCompletionSource _progress = NewSignal();
    private TaskCompletionSource _again = NewSignal();
    private volatile int _failedTries;
    private volatile bool _isClosing;
    private volatile bool _isOver;
    private long _stored;
    private bool _isLosing;

    public RunLog(ReleaseLogStore store, Guid releaseId, long fence, SecretMask mask, TimeProvider time, ILogger logger)
    {
        (_store, _releaseId, _fence, _mask, _lineMask, _time, _logger) = (store, releaseId, fence, mask, new LineMask(mask), time, logger);
        _writer = Task.Run(WriteAsync);
    }

    /// <summary>A line of a tool's output.</summary>
    public void WriteLine(string line)
    {
        var text = _lineMask.Apply(line);
        if (line.Length > MaxLineLength || text.Length > MaxLineLength)
        {
            // Masked first, since half a secret is not recognised; and the builder's own cut may have left such a half at the very end.
            text = text[..Math.Clamp(text.Length - _mask.Reach, 0, MaxLineLength)] + " [line cut]";
        }

        if (_waiting.Add(text) >= MaxPieceBytes)
        {
            _hurry.TrySetResult();
        }

        _arrivals.Writer.TryWrite(true);
    }

    /// <summary>A line of our own, with the time in front.</summary>
    public void Say(string text) =>
        WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_time.GetUtcNow():HH:mm:ss.fff} {text}"));

    /// <summary>Returns when everything so far is stored, or the history takes no more. Bounded: a log is never what a release fails for.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(FlushLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await StoredAsync(isPatient: false, either.Token);
        }
        catch (Exception exception) when (exception is TimeoutException || limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            Log.FlushTooSlow(_logger, _releaseId);
        }
    }

    /// <summary>Stores what it can of everything so far and gives up the rest, which the log then says: for a run that has to end.</summary>
    /// <param name="isPatient">Whether a history that refuses a piece is asked again until the limit, since it was away and may come back.</param>
    public async Task FlushOrDropAsync(TimeSpan limit, bool isPatient = false)
    {
        using var timeout = new CancellationTokenSource(limit, _time);
        try
        {
            await StoredAsync(isPatient, timeout.Token);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            Log.FlushTooSlow(_logger, _releaseId);
            _waiting.Drop();
        }
    }

    /// <summary>Ends the log once everything is stored. To be called while the release is held: nobody else can write its log then.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        await DisposeAsync();
    }

    /// <summary>Writes what still waits, as far as it can be done at once, and ends the log.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Close();
        _isClosing = true;
        _arrivals.Writer.TryComplete();
        _hurry.TrySetResult();
        _again.TrySetResult();
        try
        {
            await _writer.WaitAsync(PieceLimit, _time);
        }
        catch (TimeoutException)
        {
            Log.FlushTooSlow(_logger, _releaseId);
            _waiting.Drop();
        }
    }

    /// <exception cref="TimeoutException">The history takes nothing, and <paramref name="isPatient"/> is not set.</exception>
    private async Task StoredAsync(bool isPatient, CancellationToken cancellationToken)
    {
        var (all, failed) = (_waiting.Added, _failedTries);
        _hurry.TrySetResult();
        _again.TrySetResult();
        while (true)
        {
            var progress = Volatile.Read(ref _progress);
            if (_isOver || Interlocked.Read(ref _stored) >= all)
            {
                return;
            }

            if (_failedTries > failed && !isPatient)
            {
                throw new TimeoutException("The history took no piece of a log.");
            }

            await progress.Task.WaitAsync(cancellationToken);
        }
    }

    private async Task WriteAsync()
    {
        using (_waiting)
        {
            while (!_isOver && await _arrivals.Reader.WaitToReadAsync())
            {
                _arrivals.Reader.TryRead(out _);
                await WriteWaitingAsync();
            }

            await WriteWaitingAsync();
            _isOver = true;
            Tell();
        }
    }

    private async Task WriteWaitingAsync()
    {
        while (!_isOver && _waiting.Added > _waiting.Taken)
        {
            await GatherAsync();
            var piece = _waiting.Take(MaxPieceBytes);
            var end = _waiting.Taken;
            if (!await TryAppendAsync(piece))
            {
                GiveUp();
            }

            Interlocked.Exchange(ref _stored, end);
            Tell();
        }
    }

    /// <summary>What is lost is said once in the log, if the history takes that; nothing more is tried.</summary>
    private void GiveUp()
    {
        _waiting.Lose();
        _isOver |= _isLosing;
        _isLosing = true;
    }

    /// <summary>Lets a few more lines come, unless there is a piece's worth of them, somebody waits for these, or none will come.</summary>
    private async Task GatherAsync()
    {
        if (_waiting.Added - _waiting.Taken < MaxPieceBytes && !_isClosing)
        {
            await Task.WhenAny(Task.Delay(Gathering, _time, CancellationToken.None), _hurry.Task);
        }

        _hurry = NewSignal();
    }

    private void Tell() => Interlocked.Exchange(ref _progress, NewSignal()).SetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>
    /// Tries for as long as the run goes on, and once more where it ends: what comes meanwhile is spooled. A release does not fail because a line of
    /// its log could not be kept, and a lost fence shows elsewhere.
    /// </summary>
    private async Task<bool> TryAppendAsync(byte[] piece)
    {
        var place = new LogPlace();
        for (var failed = 0; ; failed++)
        {
            try
            {
                using var limit = new CancellationTokenSource(PieceLimit, _time);
                await _store.AppendAsync(_releaseId, _fence, piece, place, limit.Token);
                return true;
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                if (failed == 0)
                {
                    Log.PieceNotStored(_logger, _releaseId, StoreFault.Explain(exception) ?? exception.GetType().Name);
                }

                _isOver = exception is FencedOffException;
            }

            _failedTries++;
            Tell();
            if (_isOver || _isClosing)
            {
                Log.PieceLost(_logger, _releaseId);
                return false;
            }

            await Task.WhenAny(Task.Delay(Backoff.Next(failed, FirstWait, LongestWait, null), _time, CancellationToken.None), _again.Task);
            _again = NewSignal();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "A piece of the log of release {ReleaseId} could not be stored yet: {Fault}.")]
        public static partial void PieceNotStored(ILogger logger, Guid releaseId, string fault);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "The end of the log of release {ReleaseId} could not be stored.")]
        public static partial void PieceLost(ILogger logger, Guid releaseId);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The log of release {ReleaseId} could not be flushed in time.")]
        public static partial void FlushTooSlow(ILogger logger, Guid releaseId);
    }
}
