using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Notifications;

namespace ReleaseBot.Web;

/// <summary>
/// Tells what the outbox holds, each message with its own retries. A channel that is slow or dead has less than ten messages on their way, and delays no other.
/// </summary>
internal sealed partial class NotifyService(
    OutboxStore outbox, ChannelSender channels, GitLabWriteBack gitLab, ReleaseBotSettings settings, TimeProvider time, ILogger<NotifyService> logger)
    : BackgroundService
{
    /// <summary>Messages taken at once, and how many a channel has on their way when it gets no more.</summary>
    private const int Batch = 5;

    /// <summary>Short, and renewed while a message is on its way: what a killed process was about to tell need not wait long for another to tell it.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    /// <summary>Short enough for leases to be renewed in time by a loop that waits.</summary>
    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(5);

    /// <summary>At a shutdown: what is half sent would be told twice if it were broken off.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly List<Telling> _underWay = [];
    private long _renewedAt = time.GetTimestamp();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using CancellationTokenSource sending = new(Timeout.InfiniteTimeSpan, time);
        LoopPace pace = new("Telling", Poll, WaitCap, time, logger);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                _underWay.RemoveAll(telling => telling.Work.IsCompleted);
                await RenewAsync(stoppingToken);
                var isMore = await TakeAsync(sending.Token, stoppingToken);
                pace.Succeeded();
                if (!isMore)
                {
                    await Task.WhenAny([Task.Delay(Poll, time, stoppingToken), .. _underWay.Select(telling => telling.Work)]);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                await pace.BearAsync(exception, stoppingToken);
            }
            catch (Exception)
            {
                // What is on its way is told to its end all the same.
            }
        }

        sending.CancelAfter(Grace);
        await Task.WhenAll(_underWay.Select(telling => telling.Work)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await HandBackAsync();
    }

    private async Task RenewAsync(CancellationToken cancellationToken)
    {
        if (time.GetElapsedTime(_renewedAt) < RenewEvery)
        {
            return;
        }

        foreach (var (held, tellings) in _underWay.GroupBy(telling => telling.Held).Select(group => (group.Key, group.ToList())).ToList())
        {
            var until = await outbox.RenewAsync(tellings.ConvertAll(telling => telling.Message.Id), held, Lease, cancellationToken);
            tellings.ForEach(telling => telling.Held = until);
        }

        _renewedAt = time.GetTimestamp();
    }

    /// <returns>Whether there may be more to take at once.</returns>
    private async Task<bool> TakeAsync(CancellationToken sending, CancellationToken cancellationToken)
    {
        var busy = _underWay.GroupBy(telling => telling.Message.Channel).Where(channel => channel.Count() >= Batch).Select(channel => channel.Key).ToList();
        var due = await outbox.ClaimAsync(Batch, Lease, busy, cancellationToken);
        foreach (var message in due)
        {
            Telling telling = new(message);
            telling.Work = TellAsync(telling, sending);
            _underWay.Add(telling);
        }

        return due.Count == Batch;
    }

    /// <summary>Ends well, whatever becomes of the message, unless <paramref name="cancellationToken"/> ends it.</summary>
    private async Task TellAsync(Telling telling, CancellationToken cancellationToken)
    {
        var report = await TrySendAsync(telling.Message, cancellationToken);
        LoopPace pace = new("Writing down what was told", Poll, WaitCap, time, logger);
        while (true)
        {
            try
            {
                await SettleAsync(telling, report, cancellationToken);
                return;
            }
            // Told it is: who lets go of it while the database is away has it told twice.
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested && StoreFault.Explain(exception) is not null)
            {
                await pace.BearAsync(exception, cancellationToken);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                Log.NotSettled(logger, telling.Message.Channel, telling.Message.Release.Id, exception);
                return;
            }
        }
    }

    private async Task<DeliveryReport> TrySendAsync(DueMessage message, CancellationToken cancellationToken)
    {
        try
        {
            return await SendAsync(message, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.Unexpected(logger, message.Channel, message.Release.Id, exception);
            return new DeliveryReport.Retry($"An unexpected fault ({exception.GetType().Name}); see the service's log.", null);
        }
    }

    private async Task SettleAsync(Telling telling, DeliveryReport report, CancellationToken cancellationToken)
    {
        var message = telling.Message;
        switch (report)
        {
            case DeliveryReport.Delivered:
                await outbox.DeliveredAsync(message.Id, cancellationToken);
                return;
            case DeliveryReport.Dead dead:
                await outbox.GiveUpAsync(message.Id, dead.Why, cancellationToken);
                Log.GivenUp(logger, message.Channel, message.Release.Id, dead.Why);
                return;
            case DeliveryReport.Retry retry:
                var wait = NotificationBackoff.Next(message.Tries + 1, retry.After, Random.Shared);
                await (wait is { } pause
                    ? outbox.PutOffAsync(message.Id, telling.Held, pause, retry.Why, cancellationToken)
                    : outbox.GiveUpAsync(message.Id, retry.Why, cancellationToken));
                return;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private Task<DeliveryReport> SendAsync(DueMessage message, CancellationToken cancellationToken) => message.Channel switch
    {
        Tellings.CommitStatus => gitLab.SetCommitStatusAsync(message, cancellationToken),
        Tellings.GitLabRelease => gitLab.UpsertReleaseAsync(message, cancellationToken),
        _ when settings.Channels.TryGetValue(message.Channel, out var channel) =>
            channels.SendAsync(channel, News.Of(message, settings), message.Id.ToString(), cancellationToken),
        _ => Task.FromResult<DeliveryReport>(new DeliveryReport.Dead($"Channels:{message.Channel} is no longer configured.")),
    };

    private async Task HandBackAsync()
    {
        using CancellationTokenSource limit = new(Grace, time);
        try
        {
            foreach (var unsettled in _underWay.Where(telling => !telling.Work.IsCompletedSuccessfully).GroupBy(telling => telling.Held))
            {
                await outbox.HandBackAsync([.. unsettled.Select(telling => telling.Message.Id)], unsettled.Key, limit.Token);
            }
        }
        catch (Exception exception) when (limit.IsCancellationRequested || StoreFault.Explain(exception) is not null)
        {
            // Their lease runs out.
        }
    }

    /// <summary>A message on its way.</summary>
    private sealed class Telling(DueMessage message)
    {
        public DueMessage Message => message;

        /// <summary>Until when it is held, as it stands in its row: who finds another time there has lost it.</summary>
        public DateTimeOffset Held { get; set; } = message.HeldUntil;

        public Task Work { get; set; } = Task.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Channel} is not told of release {ReleaseId}: {Why}")]
        public static partial void GivenUp(ILogger logger, string channel, Guid releaseId, string why);

        [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "Telling {Channel} of release {ReleaseId} failed unexpectedly; it is tried again.")]
        public static partial void Unexpected(ILogger logger, string channel, Guid releaseId, Exception exception);

        [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "What became of telling {Channel} of release {ReleaseId} could not be written down; it may be told again.")]
        public static partial void NotSettled(ILogger logger, string channel, Guid releaseId, Exception exception);
    }
}
