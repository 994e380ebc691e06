using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>
/// The log of a release as people read it. Lines are masked, gathered for a moment and appended in pieces, so that a chatty build costs a few
/// writes a second. The first 32 MB are kept, and where more comes the log says so.
/// </summary>
internal sealed partial class RunLog : IBuildLog, IAsyncDisposable
{
    private const int MaxWaitingLines = 16_384;

    /// <summary>With more of them the build is slowed. What one message of the engine brings has room beyond.</summary>
    private const int ManyWaitingLines = MaxWaitingLines / 4;

    private const int MaxPieceBytes = 64 * 1024;
    private const int MaxLineLength = 16 * 1024;
    private const long MaxLogBytes = 32L << 20;
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan RoomPoll = TimeSpan.FromMilliseconds(10);

    /// <summary>A store that takes nothing for so long is not waited for any more, until it takes something again.</summary>
    private static readonly TimeSpan RoomLimit = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(20);

    private readonly Channel<Entry> _lines = Channel.CreateBounded<Entry>(
        new BoundedChannelOptions(MaxWaitingLines) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private readonly ReleaseLogStore _store;
    private readonly Guid _releaseId;
    private readonly long _fence;
    private readonly SecretMask _mask;
    private readonly LineMask _lineMask;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Task _writer;
    private TaskCompletionSource _hurry = NewHurry();
    private int _dropped;
    private int _waitingChars;
    private volatile bool _isStuck;
    private volatile bool _hasEnded;
    private long _bytes;
    private int _lostPieces;

    public RunLog(ReleaseLogStore store, Guid releaseId, long fence, SecretMask mask, TimeProvider time, ILogger logger)
    {
        (_store, _releaseId, _fence, _mask, _lineMask, _time, _logger) = (store, releaseId, fence, mask, new LineMask(mask), time, logger);
        _writer = Task.Run(WriteAsync);
    }

    /// <summary>A line of a tool's output.</summary>
    public void WriteLine(string line)
    {
        var text = _lineMask.Apply(line);
        if (line.Length > MaxLineLength)
        {
            // Masked first, since half a secret is not recognised; and the builder's own cut may have left such a half at the very end.
            text = text[..Math.Clamp(text.Length - _mask.Reach, 0, MaxLineLength)] + " [line cut]";
        }

        if (!_lines.Writer.TryWrite(new Entry(text, null)))
        {
            Interlocked.Increment(ref _dropped);
        }
        else if (Interlocked.Add(ref _waitingChars, text.Length + 1) >= MaxPieceBytes)
        {
            _hurry.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public async ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        for (var start = _time.GetTimestamp(); _lines.Reader.Count > ManyWaitingLines && !_isStuck;)
        {
            await Task.Delay(RoomPoll, _time, cancellationToken);
            _isStuck = _time.GetElapsedTime(start) > RoomLimit;
        }
    }

    /// <summary>A line of our own, with the time in front.</summary>
    public void Say(string text) =>
        WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_time.GetUtcNow():HH:mm:ss.fff} {text}"));

    /// <summary>Returns when everything so far is stored. Bounded: a log is never what a release fails for.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        var stored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await _lines.Writer.WriteAsync(new Entry(null, stored), cancellationToken).AsTask().WaitAsync(FlushLimit, _time, cancellationToken);
            _hurry.TrySetResult();
            await stored.Task.WaitAsync(FlushLimit, _time, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or ChannelClosedException)
        {
            Log.FlushTooSlow(_logger, _releaseId);
        }
    }

    /// <summary>Writes what waits and ends the log.</summary>
    public async ValueTask DisposeAsync()
    {
        _lines.Writer.TryComplete();
        _hasEnded = true;
        _hurry.TrySetResult();
        try
        {
            await _writer.WaitAsync(FlushLimit, _time);
            if (_lostPieces > 1)
            {
                Log.PiecesLost(_logger, _releaseId, _lostPieces);
                _lostPieces = 0;
            }
        }
        catch (TimeoutException)
        {
            Log.FlushTooSlow(_logger, _releaseId);
        }
    }

    private async Task WriteAsync()
    {
        var piece = new StringBuilder();
        while (await _lines.Reader.WaitToReadAsync())
        {
            await GatherAsync();
            piece.Clear();
            TaskCompletionSource? stored = null;
            while (stored is null && piece.Length < MaxPieceBytes && _lines.Reader.TryRead(out var entry))
            {
                stored = entry.Stored;
                if (entry.Line is not null)
                {
                    piece.Append(entry.Line).Append('\n');
                    Interlocked.Add(ref _waitingChars, -(entry.Line.Length + 1));
                }
            }

            if (Interlocked.Exchange(ref _dropped, 0) is > 0 and var dropped)
            {
                piece.Append(CultureInfo.InvariantCulture, $"[{dropped} lines came faster than they could be stored and are missing here]\n");
            }

            if (piece.Length > 0)
            {
                await AppendAsync(piece.ToString());
            }

            stored?.SetResult();
        }
    }

    /// <summary>Lets a few more lines come, unless there is a piece's worth of them, somebody waits for these, or none will come.</summary>
    private async Task GatherAsync()
    {
        if (Volatile.Read(ref _waitingChars) < MaxPieceBytes && !_hasEnded)
        {
            await Task.WhenAny(Task.Delay(Gathering, _time, CancellationToken.None), _hurry.Task);
        }

        _hurry = NewHurry();
    }

    private static TaskCompletionSource NewHurry() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task AppendAsync(string text)
    {
        if (_bytes > MaxLogBytes)
        {
            return;
        }

        var piece = Encoding.UTF8.GetBytes(text);
        _bytes += piece.Length;
        if (_bytes > MaxLogBytes)
        {
            piece = Encoding.UTF8.GetBytes(text + $"[the log ends here: {MaxLogBytes >> 20} MB are kept]\n");
        }

        try
        {
            using var limit = new CancellationTokenSource(FlushLimit, _time);
            await _store.AppendAsync(_releaseId, _fence, piece, limit.Token);
            _isStuck = false;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The log is told, not obeyed: a release does not fail because a line of it could not be kept, and a lost fence shows elsewhere.
            if (_lostPieces++ == 0)
            {
                Log.PieceLost(_logger, _releaseId, StoreFault.Explain(exception) ?? exception.GetType().Name);
            }
        }
    }

    /// <param name="Line">Null for a mark.</param>
    /// <param name="Stored">Set when all before it is stored; null for a line.</param>
    private readonly record struct Entry(string? Line, TaskCompletionSource? Stored);

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "A piece of the log of release {ReleaseId} could not be stored: {Fault}.")]
        public static partial void PieceLost(ILogger logger, Guid releaseId, string fault);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "{Count} pieces of the log of release {ReleaseId} could not be stored in all.")]
        public static partial void PiecesLost(ILogger logger, Guid releaseId, int count);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The log of release {ReleaseId} could not be flushed in time.")]
        public static partial void FlushTooSlow(ILogger logger, Guid releaseId);
    }
}
