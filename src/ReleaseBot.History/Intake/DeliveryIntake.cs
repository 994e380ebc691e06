using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace ReleaseBot.History;

/// <summary>
/// Stores deliveries by group commit: whatever waits when the writer is free goes into one transaction, so that a burst costs few syncs
/// and a lone delivery waits for nobody. A delivery is answered when its commit is on disk, or when it has waited too long for it.
/// </summary>
public sealed partial class DeliveryIntake : IAsyncDisposable
{
    /// <summary>Deliveries in one transaction; more makes the first of them wait longer and saves nothing.</summary>
    private const int MaxBatch = 256;

    /// <summary>Of bodies as they are stored, in one transaction, which has a delivery at the least: PostgreSQL takes a statement of 1 GB at the most.</summary>
    private const int MaxBatchBytes = 16 * 1024 * 1024;

    /// <summary>Deliveries that may wait. GitLab hangs up after 10 s, so a longer line helps nobody.</summary>
    private const int MaxWaiting = 8192;

    /// <summary>Of bodies that may wait, as they are stored; with more than that no other is taken.</summary>
    private const long MaxWaitingBytes = 64 * 1024 * 1024;

    /// <summary>How long a delivery may take to be stored, so that its sender hears of it within GitLab's 10 s, a statement that is slow to cancel included.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(6.5);

    /// <summary>
    /// What a transaction is given at the least. A delivery that has less left is not tried: after a database was away the line begins with such as have next to
    /// nothing left, and each try would end with the first of them, before anything is stored, for as long as hooks go on coming.
    /// </summary>
    private static readonly TimeSpan ShortestTry = TimeSpan.FromSeconds(0.5);

    private readonly Channel<Waiting> _line = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });
    private readonly HistoryDatabase _database;
    private readonly TimeProvider _time;
    private readonly ILogger<DeliveryIntake> _logger;
    private readonly Task _writer;
    private long _waitingBytes;
    private volatile bool _isEnding;

    public DeliveryIntake(HistoryDatabase database, TimeProvider time, ILogger<DeliveryIntake> logger)
    {
        (_database, _time, _logger) = (database, time, logger);
        _writer = Task.Run(WriteAsync);
    }

    /// <summary>
    /// Stores a delivery; its task ends when it is on disk. Throws what kept it from being stored, a <see cref="TimeoutException"/> where the database was too
    /// slow: it is not stored afterwards either, unless its commit was under way and the answer to it is what was not waited for. The body's memory is read before this returns its task, and not afterwards.
    /// </summary>
    public async Task<StoredDelivery> StoreAsync(NewDelivery delivery, CancellationToken cancellationToken)
    {
        if (Interlocked.Read(ref _waitingBytes) > MaxWaitingBytes || _line.Reader.Count >= MaxWaiting)
        {
            throw new IntakeFullException();
        }

        var waiting = new Waiting(PackedDelivery.Of(delivery), _time.GetTimestamp());
        if (!_line.Writer.TryWrite(waiting))
        {
            throw _isEnding ? new ObjectDisposedException(nameof(DeliveryIntake)) : new IntakeFullException();
        }

        Interlocked.Add(ref _waitingBytes, waiting.Bytes);
        return await waiting.Stored.Task.WaitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _isEnding = true;
        _line.Writer.TryComplete();
        await _writer;
    }

    private async Task WriteAsync()
    {
        List<Waiting> batch = new(MaxBatch);
        while (await _line.Reader.WaitToReadAsync())
        {
            batch.Clear();
            var bytes = 0L;
            while (batch.Count < MaxBatch && bytes < MaxBatchBytes && _line.Reader.TryRead(out var waiting))
            {
                batch.Add(waiting);
                bytes += waiting.Bytes;
            }

            await StoreBatchAsync(batch);
            Interlocked.Add(ref _waitingBytes, -bytes);
        }
    }

    /// <summary>
    /// Whoever has waited too long leaves, and the others are tried again: a transaction that was given up has stored nothing. (Where it is given up in the middle
    /// of its commit nobody can know; those that are tried again are then duplicates of themselves, with their release.)
    /// </summary>
    private async Task StoreBatchAsync(List<Waiting> batch)
    {
        Exception? fault = null;
        while (true)
        {
            batch.RemoveAll(waiting => HasWaitedTooLong(waiting, fault));
            if (batch is not [var first, ..])
            {
                return;
            }

            // The first has waited longest.
            using var limit = new CancellationTokenSource(Left(first), _time);
            fault = await TryStoreAsync(batch, limit.Token);
            if (fault is null)
            {
                return;
            }
        }
    }

    /// <summary>And is told so.</summary>
    /// <param name="fault">How the last try ended, if there was one.</param>
    private bool HasWaitedTooLong(Waiting waiting, Exception? fault) =>
        Left(waiting) < ShortestTry
        && waiting.Stored.TrySetException(new TimeoutException($"The database did not store a delivery within {Patience.TotalSeconds} s.", fault));

    private TimeSpan Left(Waiting waiting)
    {
        var left = Patience - _time.GetElapsedTime(waiting.Since);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <returns>Null where each of them has heard what became of it; what ended the try where the limit came first.</returns>
    private async Task<Exception?> TryStoreAsync(List<Waiting> batch, CancellationToken limit)
    {
        try
        {
            var stored = await _database.WriteAsync(
                (context, token) =>
                    new DeliveryWriter(_database, context, new IntakeCommands(_database, context), _database.Now()).StoreAsync([.. batch.Select(waiting => waiting.Delivery)], token),
                limit);
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].Stored.TrySetResult(stored[i]);
            }
        }
        catch (Exception exception) when (limit.IsCancellationRequested)
        {
            return exception;
        }
        catch (Exception exception) when (batch.Count > 1 && IsOfOneRow(exception))
        {
            // One row that the database refuses must not take its neighbours with it.
            Log.BatchFailed(_logger, batch.Count, exception.GetType().Name);
            foreach (var waiting in batch)
            {
                await StoreBatchAsync([waiting]);
            }
        }
        catch (Exception exception)
        {
            batch.ForEach(waiting => waiting.Stored.TrySetException(exception));
        }

        return null;
    }

    /// <summary>Where the database is away, trying each delivery by itself would keep all of them waiting past GitLab's patience.</summary>
    private static bool IsOfOneRow(Exception exception) =>
        exception is not (OperationCanceledException or TimeoutException) && !HistoryDatabase.IsTransient(exception) && StoreFault.Explain(exception) is null;

    private sealed record Waiting(PackedDelivery Delivery, long Since)
    {
        public int Bytes => Delivery.Body.Compressed?.Length ?? 0;

        public TaskCompletionSource<StoredDelivery> Stored { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Storing {Count} deliveries in one transaction failed ({Fault}); trying each by itself.")]
        public static partial void BatchFailed(ILogger logger, int count, string fault);
    }
}

/// <summary>More deliveries wait to be stored than the intake's bound.</summary>
public sealed class IntakeFullException() : Exception("Too many deliveries wait to be stored.");
