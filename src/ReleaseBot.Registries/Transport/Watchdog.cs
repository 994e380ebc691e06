namespace ReleaseBot.Registries;

/// <summary>A time limit that can be set anew while a request runs. Its token also ends with the caller's.</summary>
internal sealed class Watchdog : IDisposable
{
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _clock;
    private readonly CancellationTokenSource _either;

    public Watchdog(TimeSpan limit, TimeProvider time, CancellationToken caller)
    {
        _caller = caller;
        _clock = new CancellationTokenSource(limit, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(_clock.Token, caller);
        Limit = limit;
    }

    public TimeSpan Limit { get; private set; }

    public CancellationToken Token => _either.Token;

    /// <summary>
    /// True where a cancellation was not the caller's, so that a shutdown stays one: the time ran out, here or in the HTTP stack, which
    /// reports a connection that was not made in time as cancelled too.
    /// </summary>
    public bool HasBitten => !_caller.IsCancellationRequested;

    public void Renew(TimeSpan limit)
    {
        Limit = limit;
        _clock.CancelAfter(limit);
    }

    /// <summary>Stops the clock while something else, with a limit of its own, is waited for.</summary>
    public void Pause() => _clock.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _either.Dispose();
        _clock.Dispose();
    }
}
