using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>A hook that GitLab sends nothing to.</summary>
/// <param name="Status"><c>temporarily_disabled</c> or <c>disabled</c>.</param>
public sealed record DisabledHookState(long HookId, string Status, DateTimeOffset? DisabledUntil);

/// <summary>The hooks of ours that GitLab has disabled, as they were when last looked at.</summary>
public sealed class DisabledHooks(HistoryDatabase database)
{
    /// <summary>Takes down which of an owner's hooks are disabled now.</summary>
    /// <returns>Those that were not before, and those that are no longer.</returns>
    public Task<(IReadOnlyList<long> Became, IReadOnlyList<long> Recovered)> RecordAsync(
        bool isGroup, long ownerId, string ownerPath, IReadOnlyCollection<DisabledHookState> disabled, CancellationToken cancellationToken) =>
        database.WriteAsync<(IReadOnlyList<long>, IReadOnlyList<long>)>(
            async (context, token) =>
            {
                var rows = await context.DisabledHooks.AsTracking().Where(row => row.IsGroup == isGroup && row.OwnerId == ownerId).ToListAsync(token);
                if (rows.Count == 0 && disabled.Count == 0)
                {
                    return ([], []);
                }

                var now = await database.NowAsync(context, token);
                List<long> became = [];
                foreach (var hook in disabled)
                {
                    var row = rows.Find(row => row.HookId == hook.HookId);
                    if (row is null)
                    {
                        row = new DisabledHook { IsGroup = isGroup, OwnerId = ownerId, HookId = hook.HookId, OwnerPath = ownerPath, Status = hook.Status, Since = now };
                        context.DisabledHooks.Add(row);
                        became.Add(hook.HookId);
                    }

                    (row.OwnerPath, row.Status, row.DisabledUntil, row.SeenAt) = (ownerPath, hook.Status, hook.DisabledUntil, now);
                }

                var recovered = rows.Where(row => disabled.All(hook => hook.HookId != row.HookId)).ToList();
                context.DisabledHooks.RemoveRange(recovered);
                await context.SaveChangesAsync(token);
                return (became, [.. recovered.Select(row => row.HookId)]);
            },
            cancellationToken);

    /// <summary>Takes down what came of a try to enable one.</summary>
    public Task RecordAttemptAsync(bool isGroup, long ownerId, long hookId, string attempt, CancellationToken cancellationToken) =>
        database.WriteAsync(
            (context, token) => context.DisabledHooks.Where(row => row.IsGroup == isGroup && row.OwnerId == ownerId && row.HookId == hookId)
                .ExecuteUpdateAsync(row => row.SetProperty(r => r.Attempt, attempt), token),
            cancellationToken);

    public Task<List<DisabledHook>> AllAsync(int most, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.DisabledHooks.OrderBy(row => row.OwnerPath).ThenBy(row => row.HookId).Take(most).ToListAsync(token), cancellationToken);
}
