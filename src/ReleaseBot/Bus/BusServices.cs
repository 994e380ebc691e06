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
        // A bus that only sends connects when it first has to, and calls itself healthy whatever comes: its own endpoint holds the connection that is judged.
        rabbit.AutoStart = true;
        rabbit.Host(new Uri(settings.Uri!.Reveal()), host => host.Heartbeat(TimeSpan.FromSeconds(10)));
        if (consumes)
        {
            rabbit.ReceiveEndpoint(Queue, endpoint =>
            {
                endpoint.SetQuorumQueue();
                endpoint.PrefetchCount = 4;
                endpoint.ConfigureConsumer<WorkQueuedConsumer>(context);
            });
        }
    }
}
