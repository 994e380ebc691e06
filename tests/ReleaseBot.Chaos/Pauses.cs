using System.Collections.Concurrent;
using System.Net;

namespace ReleaseBot.Chaos;

/// <summary>Has an operator pause workers, and watches from outside that they take nothing up meanwhile.</summary>
internal sealed class Pauses(Api api)
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<string> _broken = new();
    private readonly ConcurrentDictionary<string, (CancellationTokenSource End, Task Watching)> _watches = new(StringComparer.Ordinal);

    /// <summary>What was taken up by a worker that knew that it was paused.</summary>
    public IReadOnlyCollection<string> Broken => _broken;

    public async Task PauseAsync(Bot bot)
    {
        await WishAsync("pause", bot.Owner);
        var end = new CancellationTokenSource();
        _watches[bot.Name] = (end, Task.Run(() => WatchAsync(bot.Owner, end.Token)));
    }

    public async Task ResumeAsync(Bot bot)
    {
        _watches.TryRemove(bot.Name, out var watch);
        await watch.End.CancelAsync();
        await watch.Watching;
        watch.End.Dispose();
        await WishAsync("resume", bot.Owner);
    }

    /// <summary>A worker that has just been started is not known at once.</summary>
    private async Task WishAsync(string wish, string worker)
    {
        while (await api.PostAsync($"api/v1/workers/{wish}", $$"""{"name":"{{worker}}"}""", CancellationToken.None) is var status && status != HttpStatusCode.NoContent)
        {
            if (status != HttpStatusCode.NotFound)
            {
                throw new InvalidOperationException($"{wish} of {worker} was answered {(int)status}.");
            }

            await Task.Delay(Poll, TimeProvider.System);
        }
    }

    /// <summary>It hears of its pause when it shows itself next. What it claimed until then it may run to its end.</summary>
    private async Task WatchAsync(string worker, CancellationToken until)
    {
        HashSet<Guid>? own = null;
        var hasHeard = false;
        try
        {
            while (true)
            {
                await Task.Delay(Poll, TimeProvider.System, until);
                var queue = await api.QueueAsync(until);
                var running = queue.Running.Where(release => release.Worker == worker).Select(release => release.Id).ToHashSet();
                if (own is null)
                {
                    // One look later, so that a claim that was under way is seen.
                    own = hasHeard ? running : null;
                    hasHeard = queue.Workers.Any(row => row.Name == worker && row.SeenAt > row.PausedAt);
                }

                foreach (var release in own is null ? [] : running.Except(own))
                {
                    _broken.Enqueue($"{worker} took up {release}");
                }
            }
        }
        catch (OperationCanceledException) when (until.IsCancellationRequested)
        {
            // It is resumed now.
        }
    }
}
