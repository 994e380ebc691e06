using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using SQLitePCL;

namespace ReleaseBot.History;

/// <summary>
/// The door to the database. Reads run side by side; writes are transactions that may be run again after a transient fault, and on SQLite
/// go one at a time, since it has one writer and waiting in line costs less than being refused.
/// </summary>
public sealed partial class HistoryDatabase(
    IDbContextFactory<HistoryContext> contexts, StorageSettings storage, TimeProvider time, ILogger<HistoryDatabase> logger) : IDisposable
{
    /// <summary>For conflicts with others, which are over in an instant.</summary>
    private const int ConflictTries = 4;

    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(2);

    /// <summary>How long a database that is away is waited for: a restart of it ends no run, and a lease outlives it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan GateLimit = TimeSpan.FromSeconds(30);

    // A unique violation means that somebody else was first: the next try sees their row and decides anew.
    private const string UniqueViolation = "23505";
    private const string UntranslatableCharacter = "22021";

    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(5);

    /// <summary>Fewer than a process has connections, so that reads and the renewals of leases find one.</summary>
    private const int MaxWriters = 10;

    private readonly IdSequence _ids = new();
    private readonly SemaphoreSlim _writer = new(storage.Provider == StorageProvider.Sqlite ? 1 : MaxWriters);
    private long _toldAt;

    public bool IsSqlite => storage.Provider == StorageProvider.Sqlite;

    /// <summary>Makes a SELECT of rows to be changed lock them, stepping over those that another has, so that two claimers never pick the same.</summary>
    internal string Claiming(string select, string lockedTable) => IsSqlite ? select : $"{select} FOR UPDATE OF {lockedTable} SKIP LOCKED";

    /// <summary>Brings the tables up to date. On SQLite only for a process that knows itself alone with its database.</summary>
    public async Task MigrateAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (IsSqlite)
        {
            // EF's lock is a table there, which a killed process leaves behind, and the next one would wait for it for ever.
            await context.Database.ExecuteSqlRawAsync("DROP TABLE IF EXISTS \"__EFMigrationsLock\"", cancellationToken);
        }

        await context.Database.MigrateAsync(cancellationToken);
    }

    /// <summary>The migrations that this program has and the database lacks.</summary>
    public async Task<IReadOnlyList<string>> PendingMigrationsAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return [.. await context.Database.GetPendingMigrationsAsync(cancellationToken)];
    }

    /// <summary>Throws what keeps the database from being read, at once: whoever asks wants to know how it is now.</summary>
    public Task PingAsync(CancellationToken cancellationToken) =>
        ReadOnceAsync((context, token) => context.Database.ExecuteSqlRawAsync("SELECT 1", token), cancellationToken);

    /// <summary>
    /// Writes a little and commits it, at once; throws what keeps the database from being written, which <see cref="StoreFault.Explain"/> has words for.
    /// </summary>
    public Task ProbeWriteAsync(CancellationToken cancellationToken) =>
        WriteOnceAsync(
            async (context, token) =>
            {
                await StoreProbing.WriteAsync(context, storage, token);
                return true;
            },
            cancellationToken);

    /// <summary>After a transient fault it reads again, on a fresh context.</summary>
    public Task<T> ReadAsync<T>(Func<HistoryContext, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        RepeatAsync(() => ReadOnceAsync(read, cancellationToken), cancellationToken);

    /// <summary>
    /// Runs <paramref name="write"/> in a transaction and commits it. After a transient fault it runs again from the start, on a fresh context:
    /// also where the answer to a commit was lost, so what is written must bear to be written twice.
    /// </summary>
    public Task<T> WriteAsync<T>(Func<HistoryContext, CancellationToken, Task<T>> write, CancellationToken cancellationToken) =>
        RepeatAsync(() => WriteOnceAsync(write, cancellationToken), cancellationToken);

    /// <summary>
    /// A write that takes something under a lease. Where the answer to the commit was lost and it is still held, it is given back as taken: the next try
    /// would find it in somebody's hands, its own, and it would lie until its lease has run out.
    /// </summary>
    /// <param name="isHeld">Whether the database has what an earlier try took as that try wrote it.</param>
    internal Task<T?> TakeAsync<T>(
        Func<HistoryContext, CancellationToken, Task<T?>> take, Func<HistoryContext, T, CancellationToken, Task<bool>> isHeld, CancellationToken cancellationToken)
        where T : class
    {
        T? taken = null;
        return WriteAsync(
            async (context, token) =>
            {
                if (taken is null || !await isHeld(context, taken, token))
                {
                    taken = await take(context, token);
                }

                return taken;
            },
            cancellationToken);
    }

    /// <summary>The clock that leases are measured by: the database's where several machines share it, ours where there is but one.</summary>
    internal async Task<DateTimeOffset> NowAsync(HistoryContext context, CancellationToken cancellationToken)
    {
        if (IsSqlite)
        {
            return Truncate(time.GetUtcNow());
        }

        var now = await context.Database.SqlQueryRaw<DateTimeOffset>("SELECT clock_timestamp() AS \"Value\"").SingleAsync(cancellationToken);
        return Truncate(now);
    }

    /// <summary>The release, tracked and locked for this transaction, if the fence is still its own; else <see cref="FencedOffException"/>.</summary>
    internal async Task<Release> HeldAsync(HistoryContext context, Guid releaseId, long fence, CancellationToken cancellationToken)
    {
        var held = Locking("SELECT * FROM releases WHERE id = {0} AND fence = {1}");
        var rows = await context.Releases.FromSqlRaw(held, releaseId, fence).AsTracking().ToListAsync(cancellationToken);
        return rows is [var release] ? release : throw new FencedOffException(releaseId, fence);
    }

    /// <summary>The same for a run that is about to begin something. <see cref="CancelRequestedException"/> if its end was asked for.</summary>
    internal async Task<Release> GoingOnAsync(HistoryContext context, Guid releaseId, long fence, CancellationToken cancellationToken)
    {
        var release = await HeldAsync(context, releaseId, fence, cancellationToken);
        CancelRequestedException.ThrowIfRequested(release);
        return release;
    }

    /// <summary>The release, tracked and locked for this transaction whatever its fence; null if there is none.</summary>
    internal async Task<Release?> LockedAsync(HistoryContext context, Guid releaseId, CancellationToken cancellationToken)
    {
        var locked = Locking("SELECT * FROM releases WHERE id = {0}");
        var rows = await context.Releases.FromSqlRaw(locked, releaseId).AsTracking().ToListAsync(cancellationToken);
        return rows is [var release] ? release : null;
    }

    /// <summary>
    /// What follows a table's name where it is to be read by this index: SQLite has counted no rows and would rather follow one that has a column more
    /// of the condition, through all of a line. PostgreSQL has.
    /// </summary>
    internal string By(string index) => IsSqlite ? $"INDEXED BY {index}" : "";

    /// <summary>Makes a SELECT lock its rows, waiting for whoever has them: what is decided on them must still be true when it is written.</summary>
    internal string Locking(string select) => IsSqlite ? select : $"{select} FOR UPDATE";

    /// <summary>Makes a SELECT keep its rows as they are until the transaction ends: others may read them so side by side, whoever changes them waits.</summary>
    internal string Keeping(string select) => IsSqlite ? select : $"{select} FOR SHARE";

    /// <summary>An id that sorts behind all that this process made before.</summary>
    internal Guid NewId(DateTimeOffset now) => _ids.Next(now);

    /// <summary>Postgres keeps microseconds; what we compare must not have more.</summary>
    internal static DateTimeOffset Truncate(DateTimeOffset moment) =>
        new(moment.UtcTicks - moment.UtcTicks % TimeSpan.TicksPerMicrosecond, TimeSpan.Zero);

    internal DateTimeOffset Now() => Truncate(time.GetUtcNow());

    public void Dispose() => _writer.Dispose();

    /// <summary>Who gives up while it is tried again is told, within the cancellation, what it was tried again for.</summary>
    private async Task<T> RepeatAsync<T>(Func<Task<T>> once, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        Exception? fault = null;
        for (var failures = 0; ; failures++)
        {
            try
            {
                if (fault is not null)
                {
                    TellRepeated(failures, fault);
                    await Task.Delay(Backoff.Next(failures - 1, FirstWait, LongestWait, null), time, cancellationToken);
                }

                return await once();
            }
            catch (OperationCanceledException canceled) when (fault is not null)
            {
                throw new OperationCanceledException(canceled.Message, fault, cancellationToken);
            }
            catch (Exception exception) when (IsTransient(exception) && !cancellationToken.IsCancellationRequested
                && (failures + 1 < ConflictTries || (IsAway(exception) && time.GetElapsedTime(started) < Patience)))
            {
                fault = exception;
            }
        }
    }

    /// <summary>Many may be waiting for a database that is away; a line every few seconds says it for all.</summary>
    private void TellRepeated(int attempt, Exception exception)
    {
        var told = Interlocked.Read(ref _toldAt);
        if ((told == 0 || time.GetElapsedTime(told) >= BetweenLines) && Interlocked.CompareExchange(ref _toldAt, time.GetTimestamp(), told) == told)
        {
            Log.Repeated(logger, attempt, Cause(exception));
        }
    }

    private async Task<T> ReadOnceAsync<T>(Func<HistoryContext, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
        return await read(context, cancellationToken);
    }

    private async Task<T> WriteOnceAsync<T>(Func<HistoryContext, CancellationToken, Task<T>> write, CancellationToken cancellationToken)
    {
        if (!await _writer.WaitAsync(GateLimit, cancellationToken))
        {
            throw new TimeoutException($"The database did not take a write within {GateLimit.TotalSeconds:F0} s.");
        }

        try
        {
            await using var context = await contexts.CreateDbContextAsync(cancellationToken);
            // What fails is run again from the start, so nobody goes back to before a save; each would cost PostgreSQL two answers more.
            context.Database.AutoSavepointsEnabled = false;
            await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
            var result = await write(context, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return result;
        }
        finally
        {
            _writer.Release();
        }
    }

    /// <summary>Whether the same may succeed at another try.</summary>
    internal static bool IsTransient(Exception exception) => DatabaseFaultIn(exception, fault => fault.IsTransient || fault.SqlState == UniqueViolation || IsLocked(fault));

    /// <summary>Whether the database can't be reached, or throws everybody out: it is starting, stopping or has crashed, or another program keeps its file locked.</summary>
    public static bool IsAway(Exception exception) =>
        DatabaseFaultIn(exception, fault => (fault.IsTransient && fault.SqlState is null or ['5', '7', 'P', ..] or ['0', '8', ..]) || IsLocked(fault));

    /// <summary>SQLite's driver calls none of its faults transient.</summary>
    private static bool IsLocked(DbException fault) => fault is SqliteException { SqliteErrorCode: raw.SQLITE_BUSY or raw.SQLITE_LOCKED };

    /// <summary>Whether a text holds U+0000, which PostgreSQL does not take and SQLite does.</summary>
    public static bool IsOfNul(Exception exception) => DatabaseFaultIn(exception, fault => fault.SqlState == UntranslatableCharacter);

    private static bool DatabaseFaultIn(Exception exception, Func<DbException, bool> isSo)
    {
        for (var fault = exception; fault is not null; fault = fault.InnerException)
        {
            if (fault is DbException database && isSo(database))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The driver's own words are about addresses; the type and the state say what is wrong.</summary>
    private static string Cause(Exception exception)
    {
        var fault = exception;
        while (fault is not DbException { } && fault.InnerException is { } inner)
        {
            fault = inner;
        }

        return fault switch
        {
            SqliteException when StoreFault.Explain(fault) is { } words => words,
            DbException { SqlState: { } state } => $"{fault.GetType().Name} {state}",
            _ => fault.GetType().Name,
        };
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The history is asked again (try {Attempt} failed: {Fault}).")]
        public static partial void Repeated(ILogger logger, int attempt, string fault);
    }
}
