namespace ReleaseBot.Core;

/// <summary>Tells workers that a release, or a wish about a tag, may be ready. The work itself is the row; losing a signal costs a worker's poll, a few seconds.</summary>
public interface IWorkSignal
{
    /// <summary>Returns when the bus has the message.</summary>
    Task SendAsync(Guid id, CancellationToken cancellationToken);
}
