using RabbitMQ.Client;
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
        await using var connection = await factory.CreateConnectionAsync(cancellationToken);
        return CheckResult.Ok($"RabbitMQ at {connection.Endpoint.HostName}:{connection.Endpoint.Port} lets us in");
    }
}
