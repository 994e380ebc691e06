using Microsoft.Extensions.Logging;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Whether the history can be read.</summary>
internal sealed partial class StoreProbe(HistoryDatabase database, ILogger<StoreProbe> logger) : IReadinessProbe
{
    public string Name => "store";

    public bool IsEssential => true;

    public async Task<string?> CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            await database.PingAsync(cancellationToken);
            return null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // A driver's message may hold addresses and names.
            Log.Away(logger, exception);
            return "The database can't be reached; the log says why.";
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The database can't be reached.")]
        public static partial void Away(ILogger logger, Exception exception);
    }
}
