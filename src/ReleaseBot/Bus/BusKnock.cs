using MassTransit;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace ReleaseBot.Bus;

/// <summary>
/// Knocks at RabbitMQ before MassTransit does. MassTransit tries again after all faults but a refusal of the user, after which it gives up for good (ReceiveTransport:
/// "Cannot Retry"), though the user may be added, or given the right password, a moment later; and what RabbitMQ says of a missing virtual host it does not log.
/// </summary>
internal sealed partial class BusKnock(ILogger<BusKnock> logger)
{
    /// <exception cref="RabbitMqConnectionException">RabbitMQ refuses the user; MassTransit tries again after it, as after each other fault.</exception>
    public async Task KnockAsync(ConnectionFactory factory)
    {
        try
        {
            await using var connection = await factory.CreateConnectionAsync();
        }
        catch (Exception fault) when (Refusal(fault) is { } refusal)
        {
            LogRefused(logger, refusal.Message);
            // Its cause makes it one that passes, in MassTransit's eyes.
            throw new RabbitMqConnectionException("RabbitMQ refuses us.", new BrokerUnreachableException(new IOException(refusal.Message)));
        }
        catch (Exception)
        {
            // MassTransit will meet it too, and knows what to do.
        }
    }

    /// <summary>What RabbitMQ itself has answered; null where it was not reached.</summary>
    internal static Exception? Refusal(Exception fault)
    {
        for (var cause = fault; cause is not null; cause = cause.InnerException)
        {
            if (cause is AuthenticationFailureException or OperationInterruptedException)
            {
                return cause;
            }
        }

        return null;
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "RabbitMQ refuses the user or the virtual host of Bus:Uri; it is tried again. {Answer}")]
    private static partial void LogRefused(ILogger logger, string answer);
}
