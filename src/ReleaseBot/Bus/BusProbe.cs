using MassTransit;
using ReleaseBot.Web;

namespace ReleaseBot.Bus;

/// <summary>Whether the bus is connected. Without it workers find releases by themselves, a few seconds later.</summary>
internal sealed class BusProbe(IBusControl bus) : IReadinessProbe
{
    public string Name => "bus";

    public bool IsEssential => false;

    public Task<string?> CheckAsync(CancellationToken cancellationToken) =>
        Task.FromResult(bus.CheckHealth().Status == BusHealthStatus.Healthy ? null : "The bus is not connected; releases start a few seconds later meanwhile.");
}
