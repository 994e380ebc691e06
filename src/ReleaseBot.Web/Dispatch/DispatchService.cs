using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>
/// Sends a wake-up over the bus for every queued release: at once for what this process has queued, a little later for what it finds that another left
/// behind. That one was sent is written down afterwards, when no worker wants to write its claim. With the bus away the workers' own polling does the
/// same, a little slower.
/// </summary>
internal sealed class DispatchService(DispatchQueue queue, QueuedReleases queued, IWorkSignal signal, TimeProvider time, ILogger<DispatchService> logger)
    : BackgroundService
{
    private const int Batch = 50;
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(30);

    private List<Guid> _sent = [];

    /// <summary>Sent before the last look: workers have had the time to claim them.</summary>
    private List<Guid> _settled = [];
    private long? _lookedAt;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LoopPace pace = new("Waking workers", Poll, WaitCap, time, logger, _ => "the bus did not take a wake-up; workers find releases by themselves. See that it runs, and that Bus:Uri is right");
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = Poll;
            try
            {
                var sent = await SendAsync(queued.Take(Batch), stoppingToken);
                if (_lookedAt is not { } looked || time.GetElapsedTime(looked) >= Poll)
                {
                    sent = Math.Max(sent, await LookAsync(stoppingToken));
                }

                if (sent > 0)
                {
                    pace.Succeeded();
                }

                if (sent == Batch)
                {
                    continue;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                wait = pace.Failed(exception);
            }

            await queued.WaitAsync(wait, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// Writes down what was sent, and sends what nobody has. What was sent only now is left for the next time: a worker steps over a row that is being
    /// written, and would come back to it at its next poll.
    /// </summary>
    private async Task<int> LookAsync(CancellationToken cancellationToken)
    {
        _lookedAt = time.GetTimestamp();
        // Where the mark fails they are told of once more.
        (var settled, _settled, _sent) = (_settled, _sent, []);
        if (settled.Count > 0)
        {
            await queue.MarkAsync(settled, cancellationToken);
        }

        return await SendAsync(await queue.ClaimAsync(Batch, cancellationToken), cancellationToken);
    }

    private async Task<int> SendAsync(IReadOnlyList<Guid> releases, CancellationToken cancellationToken)
    {
        if (releases.Count == 0)
        {
            return 0;
        }

        using var limit = new CancellationTokenSource(SendLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        await Task.WhenAll(releases.Select(id => signal.SendAsync(id, either.Token)));
        _sent.AddRange(releases);
        return releases.Count;
    }
}
