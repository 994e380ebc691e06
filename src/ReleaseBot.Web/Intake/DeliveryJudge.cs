using System.Diagnostics;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>What is known of a delivery besides its event.</summary>
internal sealed record DeliveryEnvelope(string Key, DateTimeOffset ReceivedAt, string Event, string Headers, ReadOnlyMemory<byte> Body);

/// <summary>Makes of an event what is to be stored: a release to be verified, or the reason why nothing comes of it.</summary>
internal static class DeliveryJudge
{
    public static NewDelivery Judge(DeliveryEnvelope envelope, HookEvent happened, IReadOnlyList<ProjectRule> rules) => happened switch
    {
        HookEvent.RefUpdated update => JudgeUpdate(envelope, update, rules),
        HookEvent.Unsupported unsupported => Ignored(
            envelope, ReasonCode.EventNotSupported, $"Only pushes of tags and branches count; this is {unsupported.Event}. Leave the other triggers of the hook off."),
        HookEvent.Incomplete incomplete => Ignored(
            envelope, ReasonCode.PayloadIncomplete, $"The body {incomplete.Fault}. A custom webhook template has to keep what GitLab sends."),
        _ => throw new UnreachableException(),
    };

    private static NewDelivery JudgeUpdate(DeliveryEnvelope envelope, HookEvent.RefUpdated update, IReadOnlyList<ProjectRule> rules)
    {
        var delivery = Plain(envelope) with
        {
            ProjectId = update.ProjectId,
            ProjectPath = update.ProjectPath,
            Ref = update.FullRef,
            Before = update.Before.Value,
            After = update.After.Value,
            User = update.User,
        };
        if (update.Ref is not { } gitRef)
        {
            return delivery with { Ignored = new Reason(ReasonCode.RefInvalid, "git allows no ref of this name.") };
        }

        return ReleasePlanner.Judge(new RefEvent(update.ProjectPath, gitRef, update.IsDeleted), rules) switch
        {
            HookDecision.Ignore ignore => delivery with { Ignored = ignore.Reason },
            HookDecision.Accept => delivery with { Release = NewRelease(update, gitRef) },
            _ => throw new UnreachableException(),
        };
    }

    private static NewRelease NewRelease(HookEvent.RefUpdated update, GitRef gitRef) => new()
    {
        ProjectId = update.ProjectId,
        ProjectPath = update.ProjectPath,
        ProjectUrl = update.ProjectUrl?.AbsoluteUri,
        Ref = gitRef,
        Target = update.After,
        Before = update.Before,
        Trigger = TriggerKind.Webhook,
        User = update.User,
    };

    private static NewDelivery Ignored(DeliveryEnvelope envelope, ReasonCode code, string message) =>
        Plain(envelope) with { Ignored = new Reason(code, message) };

    private static NewDelivery Plain(DeliveryEnvelope envelope) => new()
    {
        Key = envelope.Key,
        ReceivedAt = envelope.ReceivedAt,
        Event = envelope.Event,
        Headers = envelope.Headers,
        Body = envelope.Body,
    };
}
