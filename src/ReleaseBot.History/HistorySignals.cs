using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// Tells the processes that share a PostgreSQL of what was committed, by <c>NOTIFY</c>: one a piece of a log, one a queued release and one a
/// cancel, never one a hook, since a NOTIFY has commits wait for each other (PostgreSQL, async.c: the queue's lock is held until the commit).
/// Whoever misses one finds out by looking, a little later. On SQLite the one process hears of queued releases by the bus: told at once, its
/// worker and its dispatch would both write, and wait for each other for longer than that takes.
/// </summary>
public sealed partial class HistorySignals(StorageSettings storage, TimeProvider time, ILogger<HistorySignals> logger) : BackgroundService
{
    private const string LogChannel = "releasebot_log";
    private const string QueueChannel = "releasebot_queue";
    private const string WishChannel = "releasebot_wish";
    private const string CancelChannel = "releasebot_cancel";
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);

    /// <summary>A piece of this release's log is on disk.</summary>
    public event Action<Guid>? LogAppended;

    /// <summary>A release was queued or handed back.</summary>
    public event Action? Queued;

    /// <summary>A tag's wish was handed back.</summary>
    public event Action? WishHandedBack;

    /// <summary>The end of this running release was asked for.</summary>
    public event Action<Guid>? CancelRequested;

    /// <summary>Within the transaction of a piece of a log.</summary>
    internal Task SendLogAppendedAsync(HistoryContext context, Guid releaseId, CancellationToken cancellationToken) =>
        SendAsync(context, LogChannel, Payload(releaseId), cancellationToken);

    /// <summary>Within the transaction that queues a release or hands one back.</summary>
    internal Task SendQueuedAsync(HistoryContext context, CancellationToken cancellationToken) => SendAsync(context, QueueChannel, "", cancellationToken);

    /// <summary>Within the transaction that hands a wish back.</summary>
    internal Task SendWishHandedBackAsync(HistoryContext context, CancellationToken cancellationToken) => SendAsync(context, WishChannel, "", cancellationToken);

    /// <summary>Within the transaction that asks for a running release's end.</summary>
    internal Task SendCancelRequestedAsync(HistoryContext context, Guid releaseId, CancellationToken cancellationToken) =>
        SendAsync(context, CancelChannel, Payload(releaseId), cancellationToken);

    /// <summary>In this process, after the commit; on SQLite there is no other.</summary>
    internal void RaiseCancelRequested(Guid releaseId)
    {
        if (storage.Provider == StorageProvider.Sqlite)
        {
            CancelRequested?.Invoke(releaseId);
        }
    }

    /// <summary>The same for a piece of a log.</summary>
    internal void RaiseLogAppended(Guid releaseId)
    {
        if (storage.Provider == StorageProvider.Sqlite)
        {
            LogAppended?.Invoke(releaseId);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (storage.Provider == StorageProvider.Sqlite)
        {
            return;
        }

        for (var failures = 0; !stoppingToken.IsCancellationRequested; failures++)
        {
            try
            {
                await ListenAsync(() => failures = 0, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Log.Deaf(logger, exception);
            }

            await Task.Delay(Backoff.Next(failures, FirstWait, LongestWait, null), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task SendAsync(HistoryContext context, string channel, string payload, CancellationToken cancellationToken) =>
        storage.Provider == StorageProvider.Sqlite
            ? Task.CompletedTask
            : context.Database.ExecuteSqlAsync($"SELECT pg_notify({channel}, {payload})", cancellationToken);

    private async Task ListenAsync(Action heard, CancellationToken cancellationToken)
    {
        // A connection of its own, that notices when the other end has gone without a word.
        var settings = new NpgsqlConnectionStringBuilder(storage.ConnectionString.Reveal()) { Pooling = false, KeepAlive = 15 };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        connection.Notification += (_, notification) => Take(notification);
        await connection.OpenAsync(cancellationToken);
        await using (var listen = new NpgsqlCommand($"LISTEN {LogChannel}; LISTEN {QueueChannel}; LISTEN {WishChannel}; LISTEN {CancelChannel}", connection))
        {
            await listen.ExecuteNonQueryAsync(cancellationToken);
        }

        heard();
        // What came while nobody listened: those who wait look once.
        Queued?.Invoke();
        WishHandedBack?.Invoke();
        while (true)
        {
            await connection.WaitAsync(cancellationToken);
        }
    }

    private void Take(NpgsqlNotificationEventArgs notification)
    {
        switch (notification.Channel)
        {
            case QueueChannel:
                Queued?.Invoke();
                break;
            case WishChannel:
                WishHandedBack?.Invoke();
                break;
            case CancelChannel when Guid.TryParseExact(notification.Payload, "N", out var releaseId):
                CancelRequested?.Invoke(releaseId);
                break;
            case LogChannel when Guid.TryParseExact(notification.Payload, "N", out var releaseId):
                LogAppended?.Invoke(releaseId);
                break;
        }
    }

    private static string Payload(Guid releaseId) => releaseId.ToString("N", CultureInfo.InvariantCulture);

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The database's notifications are not heard for now; what they tell is noticed a little later.")]
        public static partial void Deaf(ILogger logger, Exception exception);
    }
}
