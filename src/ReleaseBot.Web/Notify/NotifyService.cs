using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Notifications;

namespace ReleaseBot.Web;

/// <summary>Tells what the outbox holds, each message with its own retries. A channel that is slow or dead has a few messages on their way and delays no other.</summary>
internal sealed partial class NotifyService(
    OutboxStore outbox, ChannelSender channels, GitLabWriteBack gitLab, ReleaseBotSettings settings, TimeProvider time, ILogger<NotifyService> logger)
    : BackgroundService
{
    /// <summary>Messages on their way at once.</summary>
    private const int Limit = 20;

    /// <summary>Messages taken at once, and how many a channel has on their way when it gets no more.</summary>
    private const int Batch = 5;

    /// <summary>Short, and renewed while a message is on its way: what a killed process was about to tell need not wait long for another to tell it.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(30);

    /// <summary>At a shutdown: what is half sent would be told twice if it were broken off.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly List<Telling> _underWay = [];
    private long _renewedAt = time.GetTimestamp();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using CancellationTokenSource sending = new();
        LoopPace pace = new("Telling", Poll, WaitCap, time, logger);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await EndThoseDoneAsync();
                await RenewAsync(stoppingToken);
                if (await TakeAsync(sending.Token, stoppingToken))
                {
                    pace.Succeeded();
                    continue;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                await pace.BearAsync(exception, stoppingToken);
                continue;
            }
            catch (OperationCanceledException)
            {
                break;
            }

            await Task.WhenAny([Task.Delay(Poll, time, stoppingToken), .. _underWay.Select(telling => telling.Work)]);
        }

        sending.CancelAfter(Grace);
        await Task.WhenAll(_underWay.Select(telling => telling.Work)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await HandBackAsync();
    }

    private async Task EndThoseDoneAsync()
    {
        while (_underWay.Find(telling => telling.Work.IsCompleted) is { } done)
        {
            _underWay.Remove(done);
            await done.Work;
        }
    }

    private async Task RenewAsync(CancellationToken cancellationToken)
    {
        if (time.GetElapsedTime(_renewedAt) >= RenewEvery)
        {
            if (_underWay.Count > 0)
            {
                await outbox.RenewAsync(_underWay.ConvertAll(telling => telling.Message.Id), Lease, cancellationToken);
            }

            _renewedAt = time.GetTimestamp();
        }
    }

    /// <returns>Whether there may be more to take at once.</returns>
    private async Task<bool> TakeAsync(CancellationToken sending, CancellationToken cancellationToken)
    {
        var room = Math.Min(Batch, Limit - _underWay.Count);
        if (room == 0)
        {
            return false;
        }

        var busy = _underWay.GroupBy(telling => telling.Message.Channel).Where(channel => channel.Count() >= Batch).Select(channel => channel.Key).ToList();
        var due = await outbox.ClaimAsync(room, Lease, busy, cancellationToken);
        _underWay.AddRange(due.Select(message => new Telling(message, TellAsync(message, sending))));
        return due.Count == room;
    }

    private async Task TellAsync(DueMessage message, CancellationToken cancellationToken)
    {
        var report = await SendAsync(message, cancellationToken);
        LoopPace pace = new("Writing down what was told", Poll, WaitCap, time, logger);
        while (true)
        {
            try
            {
                await SettleAsync(message, report, cancellationToken);
                return;
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                // Told it is: who lets go of it now has it told twice.
                await pace.BearAsync(exception, cancellationToken);
            }
        }
    }

    private async Task SettleAsync(DueMessage message, DeliveryReport report, CancellationToken cancellationToken)
    {
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
                    ? outbox.PutOffAsync(message.Id, pause, retry.Why, cancellationToken)
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
        var unsettled = _underWay.FindAll(telling => !telling.Work.IsCompletedSuccessfully).ConvertAll(telling => telling.Message.Id);
        if (unsettled.Count == 0)
        {
            return;
        }

        using CancellationTokenSource limit = new(Grace);
        try
        {
            await outbox.HandBackAsync(unsettled, limit.Token);
        }
        catch (Exception exception) when (limit.IsCancellationRequested || StoreFault.Explain(exception) is not null)
        {
            // Their lease runs out.
        }
    }

    private sealed record Telling(DueMessage Message, Task Work);

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Channel} is not told of release {ReleaseId}: {Why}")]
        public static partial void GivenUp(ILogger logger, string channel, Guid releaseId, string why);
    }
}
