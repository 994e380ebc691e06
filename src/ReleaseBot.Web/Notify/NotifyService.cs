using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Notifications;

namespace ReleaseBot.Web;

/// <summary>Tells what the outbox holds, each message with its own retries. A channel that is dead delays nothing but itself.</summary>
internal sealed partial class NotifyService(
    OutboxStore outbox, ChannelSender channels, GitLabWriteBack gitLab, ReleaseBotSettings settings, TimeProvider time, ILogger<NotifyService> logger)
    : BackgroundService
{
    private const int Batch = 20;

    /// <summary>Longer than a message may take to be sent.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LoopPace pace = new("Telling", Poll, WaitCap, time, logger);
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = Poll;
            try
            {
                var due = await outbox.ClaimAsync(Batch, Lease, stoppingToken);
                await Task.WhenAll(due.Select(message => TellAsync(message, stoppingToken)));
                if (due.Count > 0)
                {
                    pace.Succeeded();
                }

                if (due.Count == Batch)
                {
                    continue;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                wait = pace.Failed(exception);
            }

            await Task.Delay(wait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TellAsync(DueMessage message, CancellationToken cancellationToken)
    {
        var report = await SendAsync(message, cancellationToken);
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

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Channel} is not told of release {ReleaseId}: {Why}")]
        public static partial void GivenUp(ILogger logger, string channel, Guid releaseId, string why);
    }
}
