using Microsoft.Extensions.Logging;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>
/// Whether the history can be read and written: a store that takes no deliveries is of no use. Anybody may ask as often as they like, so the store is
/// asked once in a while at the most, and by one at a time.
/// </summary>
internal sealed partial class StoreProbe(HistoryDatabase database, TimeProvider time, ILogger<StoreProbe> logger) : IReadinessProbe, IDisposable
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    /// <summary>A store that stays as it is is told again after so long: whoever looks at the log must see it, and it must not fill the disk further.</summary>
    private static readonly TimeSpan ToldAgainAfter = TimeSpan.FromMinutes(10);

    private readonly SemaphoreSlim _asking = new(1);
    private string? _told;
    private long _toldAt;
    private string? _finding;
    private long? _askedAt;

    public string Name => "store";

    public bool IsEssential => true;

    public async Task<string?> CheckAsync(CancellationToken cancellationToken)
    {
        await _asking.WaitAsync(cancellationToken);
        try
        {
            if (_askedAt is not { } asked || time.GetElapsedTime(asked) >= Fresh)
            {
                _finding = await AskAsync(cancellationToken);
                _askedAt = time.GetTimestamp();
            }

            return _finding;
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();

    private async Task<string?> AskAsync(CancellationToken cancellationToken)
    {
        try
        {
            await database.ProbeWriteAsync(cancellationToken);
            if (_told is not null)
            {
                Log.Ready(logger);
                _told = null;
            }

            return null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException && StoreFault.Explain(exception) is { } cause)
        {
            if (IsToTell(cause))
            {
                Log.NotReady(logger, cause);
            }

            return $"{char.ToUpperInvariant(cause[0])}{cause[1..]}.";
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // A driver's message may hold addresses and names.
            if (IsToTell(exception.GetType().FullName!))
            {
                Log.Failed(logger, exception);
            }

            return "The database can't be written; the log says why.";
        }
    }

    private bool IsToTell(string cause)
    {
        if (cause == _told && time.GetElapsedTime(_toldAt) < ToldAgainAfter)
        {
            return false;
        }

        (_told, _toldAt) = (cause, time.GetTimestamp());
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Not ready: {Cause}.")]
        public static partial void NotReady(ILogger logger, string cause);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "Not ready: the database can't be written.")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "Ready again: the database can be written.")]
        public static partial void Ready(ILogger logger);
    }
}
