using System.Security.Cryptography;
using MassTransit;
using ReleaseBot.Configuration;
using ReleaseBot.Core;
using ReleaseBot.Web;

namespace ReleaseBot.Bus;

/// <summary>The bus: a thin seam, and the only place that knows MassTransit. It carries wake-ups; no policy, retry or state of the work lives on it.</summary>
internal static class BusServices
{
    /// <summary>The name has a version, since the type of a queue can't be changed once it is declared.</summary>
    private const string Queue = "releasebot.releases.v1";

    public static Uri Address { get; } = new($"exchange:{Queue}");

    public static IServiceCollection AddReleaseBotBus(this IServiceCollection services, BusSettings settings, Roles roles)
    {
        services.AddSingleton<IWorkSignal, BusSignal>();
        services.AddSingleton<IReadinessProbe, BusProbe>();
        // The bus may come later than we do: nothing here waits for it.
        services.Configure<MassTransitHostOptions>(options => options.WaitUntilStarted = false);
        return services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            var consumes = roles.HasFlag(Roles.Worker);
            if (consumes)
            {
                bus.AddConsumer<WorkQueuedConsumer>();
            }

            if (settings.Transport == BusTransport.RabbitMq)
            {
                bus.UsingRabbitMq((context, rabbit) => UseRabbitMq(context, rabbit, settings, consumes));
            }
            else
            {
                bus.UsingInMemory((context, memory) => UseInMemory(context, memory, consumes));
            }
        });
    }

    private static void UseInMemory(IBusRegistrationContext context, IInMemoryBusFactoryConfigurator memory, bool consumes)
    {
        if (consumes)
        {
            memory.ReceiveEndpoint(Queue, endpoint => endpoint.ConfigureConsumer<WorkQueuedConsumer>(context));
        }
    }

    private static void UseRabbitMq(IBusRegistrationContext context, IRabbitMqBusFactoryConfigurator rabbit, BusSettings settings, bool consumes)
    {
        rabbit.Host(new Uri(settings.Uri!.Reveal()), host =>
        {
            host.Heartbeat(TimeSpan.FromSeconds(10));
            host.OnRefreshConnectionFactory = new BusKnock(context.GetRequiredService<ILogger<BusKnock>>()).KnockAsync;
        });
        if (consumes)
        {
            rabbit.ReceiveEndpoint(Queue, endpoint =>
            {
                endpoint.SetQuorumQueue();
                endpoint.PrefetchCount = 4;
                // Wake-ups are sent to the queue's own exchange. One for the type of message would have a name that is not ours.
                endpoint.ConfigureConsumeTopology = false;
                endpoint.ConfigureConsumer<WorkQueuedConsumer>(context);
            });
        }
        else
        {
            HoldConnection(rabbit);
        }
    }

    /// <summary>
    /// A bus that only sends connects when it first has to, and calls itself healthy whatever comes: a queue of its own, which gets nothing, holds the
    /// connection that is judged.
    /// </summary>
    private static void HoldConnection(IRabbitMqBusFactoryConfigurator rabbit)
    {
        rabbit.AutoStart = true;
        // By default the name has the host's and the program's in it, which a user who may configure releasebot.* alone is refused.
        rabbit.OverrideDefaultBusEndpointQueueName($"releasebot.bus.{RandomNumberGenerator.GetHexString(16, lowercase: true)}");
        // RabbitMQ denies queues that are neither durable nor exclusive from 4.3 on (https://www.rabbitmq.com/docs/deprecated-features). Exclusive, it would be
        // locked for whoever comes back before RabbitMQ has noticed that the earlier connection is dead. It goes a minute after the process.
        rabbit.Durable = true;
    }
}
