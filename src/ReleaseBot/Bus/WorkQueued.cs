using MassTransit;
using ReleaseBot.Worker;

namespace ReleaseBot.Bus;

/// <summary>Tells an idle worker that a release, or a wish about a tag, may be waiting: sent by the web role, acted on by whichever worker gets it. The work itself is the row.</summary>
internal sealed record WorkQueued
{
    public required Guid Id { get; init; }
}

/// <summary>Wakes whoever is free and lets the message go at once: no work of minutes is ever tied to a message.</summary>
internal sealed class WorkQueuedConsumer(WorkerWakeUps wakeUps) : IConsumer<WorkQueued>
{
    public Task Consume(ConsumeContext<WorkQueued> context)
    {
        wakeUps.Slots.Set();
        wakeUps.Tags.Set();
        return Task.CompletedTask;
    }
}
