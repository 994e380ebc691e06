using MassTransit;
using ReleaseBot.Worker;

namespace ReleaseBot.Bus;

/// <summary>Tells an idle worker that a release may be waiting: sent by the dispatcher, acted on by whichever worker gets it. The work itself is the row.</summary>
internal sealed record ReleaseQueued
{
    public required Guid ReleaseId { get; init; }
}

/// <summary>Wakes a slot and lets the message go at once: no work of minutes is ever tied to a message.</summary>
internal sealed class ReleaseQueuedConsumer(WorkerWakeUp wakeUp) : IConsumer<ReleaseQueued>
{
    public Task Consume(ConsumeContext<ReleaseQueued> context)
    {
        wakeUp.Set();
        return Task.CompletedTask;
    }
}
