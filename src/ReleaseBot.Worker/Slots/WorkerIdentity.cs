using ReleaseBot.Core;

namespace ReleaseBot.Worker;

/// <summary>How this worker is called in the history, e.g. <c>build-3/4711</c>.</summary>
public sealed class WorkerIdentity
{
    public string Name { get; } = $"{Environment.MachineName}/{Environment.ProcessId}";
}

/// <summary>Ends the waits of a worker. The bus sets both; a lost one costs a few seconds.</summary>
public sealed class WorkerWakeUps(TimeProvider time) : IDisposable
{
    /// <summary>Of free slots, for releases. A slot that has just claimed sets it too.</summary>
    public WakeUp Slots { get; } = new(time);

    /// <summary>Of the hands for wishes about tags.</summary>
    public WakeUp Tags { get; } = new(time);

    public void Dispose()
    {
        Slots.Dispose();
        Tags.Dispose();
    }
}
