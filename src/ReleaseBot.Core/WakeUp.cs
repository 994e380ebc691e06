namespace ReleaseBot.Core;

/// <summary>Ends a wait early. Many calls of <see cref="Set"/> before a wait count as one; a wake-up that is lost costs the wait's limit, no more.</summary>
public sealed class WakeUp(TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly Lock _lock = new();

    public void Set()
    {
        lock (_lock)
        {
            if (_signal.CurrentCount == 0)
            {
                _signal.Release();
            }
        }
    }

    /// <summary>Returns at a wake-up or when <paramref name="limit"/> has passed.</summary>
    public async Task WaitAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await _signal.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The limit has passed; the caller looks for itself.
        }
    }

    public void Dispose() => _signal.Dispose();
}
