using ReleaseBot.Core;

namespace ReleaseBot.Worker;

/// <summary>How this worker is called in the history, e.g. <c>build-3/4711</c>.</summary>
public sealed class WorkerIdentity
{
    public string Name { get; } = $"{Environment.MachineName}/{Environment.ProcessId}";
}

/// <summary>Wakes free slots. The bus calls it; so does a slot that has just claimed.</summary>
public sealed class WorkerWakeUp(TimeProvider time) : IDisposable
{
    private readonly WakeUp _signal = new(time);

    public void Set() => _signal.Set();

    public Task WaitAsync(TimeSpan limit, CancellationToken cancellationToken) => _signal.WaitAsync(limit, cancellationToken);

    public void Dispose() => _signal.Dispose();
}
