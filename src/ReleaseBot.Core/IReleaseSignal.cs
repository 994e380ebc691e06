namespace ReleaseBot.Core;

/// <summary>Tells workers that a release may be ready. The work itself is the row; losing a signal costs a worker's poll, a few seconds.</summary>
public interface IReleaseSignal
{
    /// <summary>Returns when the bus has the message.</summary>
    Task SendAsync(Guid releaseId, CancellationToken cancellationToken);
}
