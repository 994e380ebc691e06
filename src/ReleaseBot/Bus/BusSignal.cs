using MassTransit;
using ReleaseBot.Core;

namespace ReleaseBot.Bus;

/// <summary>Sends wake-ups to the one exchange that workers' queue is bound to.</summary>
internal sealed class BusSignal(IBus bus) : IWorkSignal
{
    public async Task SendAsync(Guid id, CancellationToken cancellationToken)
    {
        // An exchange address declares no queue; a queue address would declare it again, as a classic one, and fail for ever.
        var endpoint = await bus.GetSendEndpoint(BusServices.Address);
        await endpoint.Send(
            new WorkQueued { Id = id },
            context =>
            {
                // Without it RabbitMQ drops a message that no queue is bound for, and says nothing.
                if (context is RabbitMqSendContext rabbit)
                {
                    rabbit.Mandatory = true;
                }
            },
            cancellationToken);
    }
}
