using System.Collections.Concurrent;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Wakes those who follow a release's log as soon as a piece of it is on disk. A follower holds one signal and no text.</summary>
internal sealed class LogFollowers : IDisposable
{
    private const int MaxFollowers = 1000;
    private readonly ConcurrentDictionary<Follower, byte> _followers = new();
    private readonly ReleaseLogStore _logs;
    private readonly TimeProvider _time;
    private int _count;

    public LogFollowers(ReleaseLogStore logs, TimeProvider time)
    {
        (_logs, _time) = (logs, time);
        _logs.Appended += Wake;
    }

    /// <summary>Null when there are too many already. To be disposed of when the follower has gone.</summary>
    public Follower? TryFollow(Guid releaseId)
    {
        if (Interlocked.Increment(ref _count) > MaxFollowers)
        {
            Interlocked.Decrement(ref _count);
            return null;
        }

        var follower = new Follower(this, releaseId, new WakeUp(_time));
        _followers[follower] = 0;
        return follower;
    }

    public void Dispose() => _logs.Appended -= Wake;

    private void Wake(Guid releaseId)
    {
        foreach (var (follower, _) in _followers)
        {
            follower.WakeFor(releaseId);
        }
    }

    private void Remove(Follower follower)
    {
        if (_followers.TryRemove(follower, out _))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    internal sealed class Follower(LogFollowers all, Guid releaseId, WakeUp wakeUp) : IDisposable
    {
        public Task WaitAsync(TimeSpan limit, CancellationToken cancellationToken) => wakeUp.WaitAsync(limit, cancellationToken);

        public void WakeFor(Guid id)
        {
            if (id == releaseId)
            {
                wakeUp.Set();
            }
        }

        // The signal is left to the garbage collector: a piece may be appended at this very moment.
        public void Dispose() => all.Remove(this);
    }
}
