using System.Security.Cryptography;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using ReleaseBot.Bus;
using ReleaseBot.Core;

namespace ReleaseBot.Hosting;

internal static class BusCheck
{
    public static async Task<CheckResult> AskAsync(BusSettings settings, CancellationToken cancellationToken)
    {
        if (settings.Transport == BusTransport.InMemory)
        {
            return CheckResult.Ok("within this process");
        }

        var factory = new ConnectionFactory { Uri = new Uri(settings.Uri!.Reveal()) };
        try
        {
            await using var connection = await factory.CreateConnectionAsync(cancellationToken);
            await DeclareAsync(connection, cancellationToken);
            return CheckResult.Ok($"RabbitMQ at {connection.Endpoint.HostName}:{connection.Endpoint.Port} lets us in, and have queues");
        }
        catch (Exception fault) when (BusKnock.Refusal(fault) is { } refusal)
        {
            return CheckResult.Failed(
                $"RabbitMQ at {factory.HostName}:{factory.Port} refuses us: {refusal.Message}",
                "Check user, password and virtual host of Bus:Uri; the user needs to configure, write and read releasebot.* there (rabbitmqctl set_permissions).");
        }
        catch (BrokerUnreachableException fault)
        {
            return CheckResult.Failed($"nothing answers as RabbitMQ at {factory.HostName}:{factory.Port}: {fault.GetBaseException().Message}", "Check Bus:Uri and that RabbitMQ runs.");
        }
    }

    /// <summary>What a process of the bot declares, under a name of its own; it goes with the connection.</summary>
    private static async Task DeclareAsync(IConnection connection, CancellationToken cancellationToken)
    {
        var name = $"releasebot.check.{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        await channel.QueueDeclareAsync(name, durable: false, exclusive: true, autoDelete: true, cancellationToken: cancellationToken);
        await channel.ExchangeDeclareAsync(name, ExchangeType.Fanout, durable: false, autoDelete: true, cancellationToken: cancellationToken);
        await channel.QueueBindAsync(name, name, routingKey: "", cancellationToken: cancellationToken);
        await channel.BasicPublishAsync(name, routingKey: "", mandatory: true, ReadOnlyMemory<byte>.Empty, cancellationToken);
        // Its answer comes after the publication was judged.
        await channel.BasicGetAsync(name, autoAck: true, cancellationToken);
        await channel.QueueDeleteAsync(name, cancellationToken: cancellationToken);
    }
}
