using Microsoft.Extensions.Logging;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Those who follow logs now. All who follow the same release share one reader of the history.</summary>
internal sealed class LogFollowers : IDisposable
{
    private const int MaxFollowers = 1000;

    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, LogFeed> _feeds = [];
    private readonly HistorySignals _signals;
    private readonly HistoryQueries _history;
    private readonly ReleaseLogStore _logs;
    private readonly TimeProvider _time;
    private readonly ILogger<LogFollowers> _logger;
    private int _count;

    public LogFollowers(HistorySignals signals, HistoryQueries history, ReleaseLogStore logs, TimeProvider time, ILogger<LogFollowers> logger)
    {
        (_signals, _history, _logs, _time, _logger) = (signals, history, logs, time, logger);
        _signals.LogAppended += Wake;
    }

    /// <summary>How many readers of the history there are for all followers together.</summary>
    public int Readers
    {
        get
        {
            lock (_lock)
            {
                return _feeds.Count;
            }
        }
    }

    /// <summary>Null when there are too many already. To be disposed of when the follower has gone.</summary>
    public Follower? TryFollow(Guid releaseId)
    {
        lock (_lock)
        {
            if (_count == MaxFollowers)
            {
                return null;
            }

            if (!_feeds.TryGetValue(releaseId, out var feed) || feed.IsOver)
            {
                _feeds[releaseId] = feed = new LogFeed(releaseId, _history, _logs, _time, _logger);
            }

            _count++;
            feed.Followers++;
            return new Follower(this, releaseId, feed);
        }
    }

    public void Dispose() => _signals.LogAppended -= Wake;

    private void Wake(Guid releaseId)
    {
        lock (_lock)
        {
            if (_feeds.TryGetValue(releaseId, out var feed))
            {
                feed.Wake();
            }
        }
    }

    private async ValueTask RemoveAsync(Guid releaseId, LogFeed feed)
    {
        lock (_lock)
        {
            _count--;
            if (--feed.Followers > 0)
            {
                return;
            }

            if (_feeds.TryGetValue(releaseId, out var current) && current == feed)
            {
                _feeds.Remove(releaseId);
            }
        }

        await feed.DisposeAsync();
    }

    internal sealed class Follower(LogFollowers all, Guid releaseId, LogFeed feed) : IAsyncDisposable
    {
        /// <summary>What to do next for whoever has everything up to a piece.</summary>
        public FeedStep After(long sequence) => feed.After(sequence);

        public ValueTask DisposeAsync() => all.RemoveAsync(releaseId, feed);
    }
}
