using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>Wakes a worker for a wish about a tag. It is a courtesy: without it, or with the bus away, workers look for themselves every few seconds.</summary>
internal sealed partial class WorkSignal(IServiceProvider services, TimeProvider time, ILogger<WorkSignal> logger)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    public async Task SendAsync(Guid id, CancellationToken cancellationToken)
    {
        if (services.GetService<IWorkSignal>() is not { } signal)
        {
            return;
        }

        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await signal.SendAsync(id, either.Token);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.NotSent(logger, exception.GetType().Name);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "The bus did not take a wake-up ({Fault}); workers find the wish by themselves.")]
        public static partial void NotSent(ILogger logger, string fault);
    }
}
