using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// Writes deliveries within one transaction: this is the one path whose speed decides whether GitLab's hooks are taken.
/// New deliveries of new releases, which nearly all are, are written together; what meets a row that is there already is settled one by one
/// afterwards.
/// </summary>
internal sealed class DeliveryWriter(HistoryDatabase database, HistoryContext context, IntakeCommands commands, DateTimeOffset now)
{
    private const int MaxTries = 3;

    /// <summary>Returns what was stored, in the order of <paramref name="deliveries"/>.</summary>
    public async Task<IReadOnlyList<StoredDelivery>> StoreAsync(IReadOnlyList<PackedDelivery> deliveries, CancellationToken cancellationToken)
    {
        // Ids in the order of arrival, rows in the order of their keys: of two processes with the same events one then waits, and not each for the other.
        var drafts = deliveries.Select(packed => new Draft(packed, database.NewId(packed.Delivery.ReceivedAt), database.NewId(now))).ToList();
        var byKey = drafts.OrderBy(draft => draft.Delivery.Key, StringComparer.Ordinal).ToList();
        // Of a delivery that is known nothing more is written here: the database leaves its release out.
        var releases = drafts.Where(draft => draft.Delivery.Release is not null).OrderBy(draft => draft.Delivery.Release!.Key, StringComparer.Ordinal).ToList();
        var projects = releases.Select(draft => draft.Delivery.Release!).DistinctBy(release => release.ProjectId).OrderBy(release => release.ProjectId);
        var wrote = await commands.InsertAsync(
            new IntakeBatch(
                byKey.ConvertAll(DeliveryRow),
                [.. projects.Select(ProjectRow)],
                releases.ConvertAll(draft => ReleaseRow(draft.ReleaseId, draft.DeliveryId, draft.Delivery.Release!, draft.Delivery.Release!.Key))),
            cancellationToken);
        Mark(byKey, wrote.Deliveries, (draft, isNew) => draft.IsNew = isNew);
        Mark(releases, wrote.Releases, (draft, isNew) => draft.HasNewRelease = isNew);

        // In the order of the releases, as they were written: their rows are locked here too. What has none last: of the same delivery it tells what was settled.
        foreach (var draft in drafts.OrderBy(draft => draft.Delivery.Release is null).ThenBy(draft => draft.Delivery.Release?.Key, StringComparer.Ordinal))
        {
            draft.Stored = await OutcomeAsync(draft, cancellationToken);
        }

        return drafts.ConvertAll(draft => draft.Stored!);
    }

    private async Task<StoredDelivery> OutcomeAsync(Draft draft, CancellationToken cancellationToken)
    {
        if (!draft.IsNew)
        {
            return await StoreAgainAsync(draft.Delivery, draft.Body, cancellationToken);
        }

        if (draft.Delivery.Release is not { } release)
        {
            return new StoredDelivery(draft.DeliveryId, DeliveryOutcome.Ignored, draft.Delivery.Ignored, null);
        }

        return draft.HasNewRelease
            ? new StoredDelivery(draft.DeliveryId, DeliveryOutcome.Accepted, null, draft.ReleaseId)
            : await SettleAsync(
                await JudgeAgainAsync(draft.DeliveryId, release, await ReleaseStanding.OfAsync(context, release, cancellationToken), cancellationToken), cancellationToken);
    }

    /// <summary>A delivery id that is known: a repeat, or a resend by hand, which is judged again where nothing came of the first.</summary>
    private async Task<StoredDelivery> StoreAgainAsync(NewDelivery delivery, PackedBody body, CancellationToken cancellationToken)
    {
        var (id, outcome, reason, releaseId) = await FindDeliveryAsync(delivery.Key, cancellationToken);
        if (delivery.Release is not { } release)
        {
            return new StoredDelivery(id, DeliveryOutcome.Duplicate, reason ?? delivery.Ignored, releaseId);
        }

        var accepted = await JudgeAgainAsync(id, release, await ReleaseStanding.OfResentAsync(context, delivery, releaseId, cancellationToken), cancellationToken);
        if (outcome == DeliveryOutcome.Ignored)
        {
            await commands.WriteAsync(IntakeSql.KeepBody, new IntakeParameters(("id", id), ("body", body.Compressed)), cancellationToken);
        }

        return accepted.Outcome == DeliveryOutcome.Accepted || outcome == DeliveryOutcome.Ignored
            ? await SettleAsync(accepted, cancellationToken)
            : accepted;
    }

    /// <summary>The release is there already: it is judged again if it ended badly, unless the event is another push after all.</summary>
    private async Task<StoredDelivery> JudgeAgainAsync(Guid deliveryId, NewRelease release, ReleaseStanding standing, CancellationToken cancellationToken)
    {
        // Another process may be faster, and by then another release of the branch be the newest.
        for (var tries = 0; standing.Id is null && tries < MaxTries; tries++)
        {
            var id = database.NewId(now);
            if (await commands.InsertAsync(IntakeTable.Releases, ReleaseRow(id, deliveryId, release, standing.Key), cancellationToken))
            {
                return new StoredDelivery(deliveryId, DeliveryOutcome.Accepted, null, id);
            }

            standing = await ReleaseStanding.OfAsync(context, release, cancellationToken);
        }

        var existing = standing.Id ?? throw new InvalidOperationException($"Others made {MaxTries} releases of this branch before this one could be.");
        if (standing.IsJudgedAgain && await ReleaseStanding.JudgeAgainAsync(context, existing, withSuperseded: standing.Status == ReleaseStatus.Superseded, now, cancellationToken))
        {
            return new StoredDelivery(deliveryId, DeliveryOutcome.Accepted, null, existing);
        }

        await ReleaseStanding.AskAnewAsync(context, existing, now, cancellationToken);
        return new StoredDelivery(deliveryId, DeliveryOutcome.Duplicate,
            new Reason(ReasonCode.AlreadyAccepted, $"This ref at this object is a release already: {existing}."), existing);
    }

    private async Task<StoredDelivery> SettleAsync(StoredDelivery stored, CancellationToken cancellationToken)
    {
        var row = new IntakeParameters(
            ("id", stored.DeliveryId), ("outcome", stored.Outcome.ToText()), ("code", stored.Reason?.Code.ToText()),
            ("message", stored.Reason?.Message), ("release_id", stored.ReleaseId));
        await commands.WriteAsync(IntakeSql.SetOutcome, row, cancellationToken);
        return stored;
    }

    private Task<(Guid Id, DeliveryOutcome Outcome, Reason? Reason, Guid? ReleaseId)> FindDeliveryAsync(string key, CancellationToken cancellationToken) =>
        commands.ReadAsync(
            IntakeSql.FindDelivery,
            new IntakeParameters(("key", key)),
            reader =>
            {
                var code = reader.IsDBNull(2) ? null : EnumText.Parse<ReasonCode>(reader.GetString(2));
                return (reader.GetGuid(0), EnumText.Parse<DeliveryOutcome>(reader.GetString(1))!.Value,
                    code is { } known ? new Reason(known, reader.GetString(3)) : null, reader.IsDBNull(4) ? (Guid?)null : reader.GetGuid(4));
            },
            cancellationToken);

    private static void Mark(List<Draft> drafts, IReadOnlyList<bool> wrote, Action<Draft, bool> mark)
    {
        for (var i = 0; i < drafts.Count; i++)
        {
            mark(drafts[i], wrote[i]);
        }
    }

    /// <summary>Written with the outcome that it has if nothing of it is there already.</summary>
    private static object?[] DeliveryRow(Draft draft)
    {
        var delivery = draft.Delivery;
        var ignored = delivery.Ignored;
        return
        [
            draft.DeliveryId, delivery.Key, delivery.ReceivedAt, delivery.Event, delivery.ProjectId, delivery.ProjectPath, delivery.Ref, delivery.Before,
            delivery.After, delivery.User, (ignored is null ? DeliveryOutcome.Accepted : DeliveryOutcome.Ignored).ToText(), ignored?.Code.ToText(),
            ignored?.Message, delivery.Release is null ? null : draft.ReleaseId, delivery.Headers, draft.Body.Compressed, draft.Body.Sha256, draft.Body.Length,
        ];
    }

    private object?[] ReleaseRow(Guid id, Guid deliveryId, NewRelease release, string key) =>
    [
        id, key, release.ProjectId, release.ProjectPath, release.ProjectUrl, release.Ref.Kind.ToText(), release.Ref.Name, release.Target.Value,
        release.Trigger.ToText(), deliveryId, release.User, now, now,
    ];

    private object?[] ProjectRow(NewRelease release) => [release.ProjectId, release.ProjectPath, release.ProjectUrl, now];

    private sealed class Draft(PackedDelivery packed, Guid deliveryId, Guid releaseId)
    {
        public NewDelivery Delivery { get; } = packed.Delivery;

        public PackedBody Body { get; } = packed.Body;

        public Guid DeliveryId { get; } = deliveryId;

        public Guid ReleaseId { get; } = releaseId;

        public bool IsNew { get; set; }

        public bool HasNewRelease { get; set; }

        public StoredDelivery? Stored { get; set; }
    }
}
