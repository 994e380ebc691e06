using System.Threading.Channels;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>
/// What this process has queued and told no worker of yet. The transaction that queued a release holds it under a lease for that, so it need not be
/// claimed; one that does not fit here, or goes with the process, is found once its lease has ended.
/// </summary>
internal sealed class QueuedReleases(TimeProvider time) : IDisposable
{
    private const int Capacity = 1000;

    private readonly Channel<Guid> _line = Channel.CreateBounded<Guid>(Capacity);
    private readonly WakeUp _wakeUp = new(time);

    public void Add(Guid releaseId)
    {
        _line.Writer.TryWrite(releaseId);
        _wakeUp.Set();
    }

    /// <summary>Those that are there now, <paramref name="limit"/> at the most.</summary>
    public IReadOnlyList<Guid> Take(int limit)
    {
        List<Guid> taken = [];
        while (taken.Count < limit && _line.Reader.TryRead(out var releaseId))
        {
            taken.Add(releaseId);
        }

        return taken;
    }

    /// <summary>Returns when one was added since the last wait, or <paramref name="limit"/> has passed.</summary>
    public Task WaitAsync(TimeSpan limit, CancellationToken cancellationToken) => _wakeUp.WaitAsync(limit, cancellationToken);

    public void Dispose() => _wakeUp.Dispose();
}
