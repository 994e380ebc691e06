using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>How it stands, in numbers to be watched.</summary>
/// <param name="Releases">By status: of those under way all, of those that have ended the ones that were made within <see cref="Recently"/>.</param>
/// <param name="WorkersAlive">That have shown themselves within the last minute.</param>
/// <param name="MessagesWaiting">Notifications that their channel has not taken, and is still to be given.</param>
/// <param name="HooksDisabled">Hooks of ours that GitLab sends nothing to, as of the latest round of reconciling.</param>
public sealed record HistoryVitals(IReadOnlyDictionary<ReleaseStatus, int> Releases, int WorkersAlive, int MessagesWaiting, int HooksDisabled)
{
    public static readonly TimeSpan Recently = TimeSpan.FromHours(1);

    internal static async Task<HistoryVitals> ReadAsync(HistoryContext context, HistoryDatabase database, CancellationToken cancellationToken)
    {
        var now = await database.NowAsync(context, cancellationToken);
        var first = IdSequence.FirstAt(now - Recently);
        Dictionary<ReleaseStatus, int> releases = [];
        // Each by itself, along its index: grouped, SQLite would walk through the index of all.
        foreach (var status in Enum.GetValues<ReleaseStatus>())
        {
            var ofStatus = context.Releases.Where(release => release.Status == status);
            releases.Add(status, await (status.IsFinal() ? ofStatus.Where(release => release.Id >= first) : ofStatus).CountAsync(cancellationToken));
        }

        var alive = now - WorkerHeartbeat.AliveWithin;
        return new HistoryVitals(
            releases,
            await context.WorkerHeartbeats.CountAsync(worker => worker.SeenAt >= alive, cancellationToken),
            await context.OutboxMessages.CountAsync(message => message.DeliveredAt == null && message.DeadAt == null, cancellationToken),
            await context.DisabledHooks.CountAsync(cancellationToken));
    }
}
