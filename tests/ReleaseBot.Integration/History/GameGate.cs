namespace ReleaseBot.Integration.History;

/// <summary>A worker of the game was killed: every call that it still makes on its way out fails, as if it were not made.</summary>
internal sealed class KilledException() : Exception("The worker was killed.");

/// <summary>
/// Where one worker stands still: before each request to a registry, before each call of the store, and in each wait. The game lets it go on, call
/// by call, or never.
/// </summary>
internal sealed class GameGate
{
    /// <summary>What <see cref="StandsBefore"/> begins with where it is no call.</summary>
    public const string Waits = "wait of";

    private readonly Lock _lock = new();
    private readonly List<Stop> _stops = [];
    private TaskCompletionSource _arrival = NewArrival();
    private bool _isClosed;
    private bool _isDead;

    /// <summary>From here on calls stop; before, they pass.</summary>
    public void Close() => (_isClosed, _isDead) = (true, false);

    public void Open() => _isClosed = false;

    public async Task PassAsync(string what)
    {
        var go = new TaskCompletionSource();
        lock (_lock)
        {
            if (!_isClosed)
            {
                return;
            }

            if (_isDead)
            {
                throw new KilledException();
            }

            Arrive(new Stop(what, go.SetResult));
        }

        await go.Task;
        if (_isDead)
        {
            throw new KilledException();
        }
    }

    /// <summary>A wait is a stop too, which ends when the game says that its time has passed.</summary>
    /// <returns>To be called where nobody waits any more.</returns>
    public Action Wait(TimeSpan time, Action passed)
    {
        var stop = new Stop($"{Waits} {time.TotalSeconds:0.0} s", passed);
        lock (_lock)
        {
            if (_isDead)
            {
                ThreadPool.QueueUserWorkItem(_ => passed());
                return () => { };
            }

            Arrive(stop);
        }

        return () =>
        {
            lock (_lock)
            {
                _stops.Remove(stop);
            }
        };
    }

    /// <summary>Lets the worker make one of the calls before which it stands, and returns when it stands again or its work has ended.</summary>
    public async Task StepAsync(Task work, int pick)
    {
        await UntilStandsAsync(work);
        if (Take(pick) is { } stop)
        {
            stop.Go();
            await UntilStandsAsync(work);
        }
    }

    /// <summary>What it stands before; null where its work has ended.</summary>
    public string? StandsBefore
    {
        get
        {
            lock (_lock)
            {
                return _stops.Count > 0 ? _stops[0].What : null;
            }
        }
    }

    public async Task KillAsync(Task work)
    {
        _isDead = true;
        while (Take(0) is { } stop)
        {
            stop.Go();
        }

        await work;
    }

    private async Task UntilStandsAsync(Task work)
    {
        while (!work.IsCompleted)
        {
            Task arrival;
            lock (_lock)
            {
                if (_stops.Count > 0)
                {
                    return;
                }

                _arrival = NewArrival();
                arrival = _arrival.Task;
            }

            await Task.WhenAny(arrival, work).WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System);
        }
    }

    private void Arrive(Stop stop)
    {
        _stops.Add(stop);
        _arrival.TrySetResult();
    }

    private Stop? Take(int pick)
    {
        lock (_lock)
        {
            if (_stops.Count == 0)
            {
                return null;
            }

            var stop = _stops[pick % _stops.Count];
            _stops.Remove(stop);
            return stop;
        }
    }

    private static TaskCompletionSource NewArrival() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record Stop(string What, Action Go);
}

/// <summary>A worker's clock: short waits pass when the game says so, and limits never bite, since a worker that stands still has no time.</summary>
internal sealed class GameClock(GameGate gate, TimeProvider start) : TimeProvider
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private TimeSpan _passed;

    public override DateTimeOffset GetUtcNow() => start.GetUtcNow() + _passed;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(GameClock clock, Action callback) : ITimer
    {
        private Action? _forget;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Dispose();
            if (dueTime > TimeSpan.Zero && dueTime < LongestWait)
            {
                _forget = clock.WaitAt(dueTime, callback);
            }

            return true;
        }

        public void Dispose()
        {
            _forget?.Invoke();
            _forget = null;
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }

    private Action WaitAt(TimeSpan time, Action callback) => gate.Wait(time, () =>
    {
        _passed += time;
        callback();
    });
}
