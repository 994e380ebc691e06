using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>
/// Asks registries whether the tags that we put somewhere still hold that: one HEAD a tag. What differs is written down and told once. A tag is put
/// back where a straggler of our own did it, a version always with <c>Publishing:RestoreVersions</c>; a floating or branch tag that somebody else
/// moved is set right by its next move.
/// </summary>
internal sealed partial class DriftCheck(
    RegistryClients registries, DriftLedger ledger, PublishingSettings publishing, IReadOnlyList<ProjectRule> rules, WorkerWakeUps wakeUps, TimeProvider time,
    ILogger<DriftCheck> logger)
{
    /// <summary>Tags asked about in one round, over all registries.</summary>
    private const int MaxTags = 200;

    /// <summary>Tags asked about at a time.</summary>
    private const int Parallel = 4;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan WaitWhenAway = TimeSpan.FromMinutes(15);

    /// <summary>It can't be asked now, but may be configured again.</summary>
    private static readonly TimeSpan WaitWhenNotConfigured = TimeSpan.FromDays(1);

    /// <summary>Before the first round: what was found while <c>Publishing:RestoreVersions</c> was off is put back now, and not at its next look, in a week.</summary>
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        if (publishing.RestoreVersions)
        {
            await ledger.HastenAsync(cancellationToken);
        }
    }

    /// <returns>How many tags were looked at.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var due = await ledger.ClaimAsync(MaxTags, cancellationToken);
        foreach (var registry in due.GroupBy(check => check.Image.Repository.Host))
        {
            if (registries.OfHost(registry.Key) is not { } client)
            {
                await PutOffAsync([.. registry], WaitWhenNotConfigured, cancellationToken);
                continue;
            }

            await CheckAsync(client, [.. registry], cancellationToken);
        }

        return due.Count;
    }

    private async Task CheckAsync(RegistryClient client, IReadOnlyList<DueCheck> checks, CancellationToken cancellationToken)
    {
        foreach (var batch in checks.Chunk(Parallel).Select((tags, number) => (Tags: tags, Number: number)))
        {
            var isAway = (await Task.WhenAll(batch.Tags.Select(check => CheckAsync(client, check, cancellationToken)))).Contains(false);
            if (isAway)
            {
                // It will not answer for the others either.
                await PutOffAsync([.. checks.Skip((batch.Number + 1) * Parallel)], WaitWhenAway, cancellationToken);
                return;
            }
        }
    }

    /// <returns>False where the registry is away.</returns>
    private async Task<bool> CheckAsync(RegistryClient client, DueCheck check, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var seen = await client.HeadManifestAsync(check.Image.Repository.Name, check.Image.Tag, either.Token);
            await (seen == check.Digest ? AgreeAsync(check, cancellationToken) : DriftAsync(client, check, seen, either.Token));
            return true;
        }
        catch (RegistryException exception)
        {
            Log.NotChecked(logger, check.Image.ToString(), exception.Message);
            await ledger.PutOffAsync(check, exception.RetryAfter ?? WaitWhenAway, cancellationToken);
            return !exception.IsTransient;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Log.NotChecked(logger, check.Image.ToString(), "it did not answer in time");
            await ledger.PutOffAsync(check, WaitWhenAway, cancellationToken);
            return false;
        }
    }

    private async Task AgreeAsync(DueCheck check, CancellationToken cancellationToken)
    {
        if (await ledger.AgreeAsync(check, cancellationToken))
        {
            Log.Agrees(logger, check.Image.ToString());
        }
    }

    private async Task DriftAsync(RegistryClient client, DueCheck check, Digest? seen, CancellationToken cancellationToken)
    {
        if (check.Kind != ImageTagKind.Version)
        {
            var isLate = seen is not null && await ledger.IsLatePutAsync(check.Image, seen, cancellationToken);
            var past = seen is null ? "is gone from the registry"
                : isLate ? $"the registry says {seen.Short}: a put of a worker of ours that was thought dead came late"
                : check.Kind == ImageTagKind.Branch && await IsOursAsync(client, check, seen, cancellationToken)
                    ? $"the registry says {seen.Short}, an image of ours: somebody put it there by hand, or a push of a worker that was thought dead came late"
                : $"the registry says {seen.Short}: somebody pushed past us";
            var cure = isLate ? "it is put back"
                : check.Kind == ImageTagKind.Branch ? "the branch's next push sets it right"
                : "its next release, or a move by an operator, sets it right";
            await WriteAsync(check, seen, isLate, $"{check.Image} was put on {check.Digest.Short}, and {past}; {cure}", cancellationToken);
            return;
        }

        var isOurs = seen is not null && await IsOursAsync(client, check, seen, cancellationToken);
        var isRestored = isOurs || publishing.RestoreVersions;
        var what = seen is null
            ? $"{check.Image} was published as {check.Digest.Short} and is gone from the registry"
            : $"{check.Image} was published as {check.Digest.Short}, and the registry says {seen.Short}{(isOurs ? ", of an older attempt of ours" : ": somebody pushed past us")}";
        var why = isRestored ? $"{what}; {(seen is null ? "a worker tries to put it back" : "it is put back")}" : $"{what}; set Publishing:RestoreVersions to have it put back";
        await WriteAsync(check, seen, isRestored, why, cancellationToken);
    }

    private async Task<bool> IsOursAsync(RegistryClient client, DueCheck check, Digest seen, CancellationToken cancellationToken)
    {
        var imageId = (await client.GetManifestAsync(check.Image.Repository.Name, seen.Value, cancellationToken))?.ConfigDigest?.Value;
        return await ledger.IsOursAsync(check.Image, seen, imageId, cancellationToken);
    }

    private async Task WriteAsync(DueCheck check, Digest? seen, bool isRestored, string why, CancellationToken cancellationToken)
    {
        var rule = ReleasePlanner.RuleFor(check.ProjectPath, rules);
        if (await ledger.DriftAsync(check, seen, isRestored, why, rule?.Notify ?? [], cancellationToken))
        {
            Log.Drifted(logger, why);
            wakeUps.Tags.Set();
        }
    }

    private async Task PutOffAsync(IReadOnlyList<DueCheck> checks, TimeSpan wait, CancellationToken cancellationToken)
    {
        foreach (var check in checks)
        {
            await ledger.PutOffAsync(check, wait, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{What}")]
        public static partial void Drifted(ILogger logger, string what);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "{Image} holds what was published again.")]
        public static partial void Agrees(ILogger logger, string image);

        [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "{Image} could not be compared with the history: {Message}")]
        public static partial void NotChecked(ILogger logger, string image, string message);
    }
}
