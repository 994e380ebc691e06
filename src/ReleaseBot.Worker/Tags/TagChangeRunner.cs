using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>
/// Carries out what operators wish of a tag: a put of manifest bytes that the repository holds already, or another of the release's, never a build. A worker that dies at any
/// point is followed by another, which finds the tag as it is and decides again.
/// </summary>
internal sealed partial class TagChangeRunner(
    RegistryClients registries, TagChangeQueue queue, PublishingSettings publishing, TimeProvider time, ILogger<TagChangeRunner> logger)
{
    /// <summary>Longer than all that is done under it.</summary>
    public static readonly TimeSpan Lease = TagLock.Lease + TimeSpan.FromSeconds(30);

    /// <summary>Of what a registry has lost, copied from another. The next try copies what is still missing then; a single blob has to fit.</summary>
    private static readonly TimeSpan CopyLimit = TimeSpan.FromMinutes(30);

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    /// <summary>What fails for no reason of the registry's is not tried for hours.</summary>
    private const int MaxOwnFaults = 5;

    /// <summary>Carries out a wish, puts it off, or hands it back where the token ends first.</summary>
    public async Task RunAsync(ClaimedChange claimed, CancellationToken cancellationToken)
    {
        try
        {
            await TryOrWaitAsync(claimed, cancellationToken);
        }
        catch (FencedOffException)
        {
            // Wherever it shows, also in what is written after a fault.
            Log.FencedOff(logger, claimed.Change.Image.ToString());
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            await HandBackAsync(claimed);
        }
    }

    private async Task TryOrWaitAsync(ClaimedChange claimed, CancellationToken cancellationToken)
    {
        try
        {
            await TryAsync(claimed, cancellationToken);
        }
        catch (RegistryException exception) when (exception.IsTransient)
        {
            await WaitAsync(claimed, exception.Message, exception.RetryAfter, cancellationToken);
        }
        catch (RegistryException exception)
        {
            await EndAsync(claimed, new ChangeDecision.Refuse(exception.Message), null, null, cancellationToken);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            await WaitAsync(claimed, "the registry took too long", null, cancellationToken);
        }
        catch (Exception exception) when (exception is not FencedOffException && !cancellationToken.IsCancellationRequested)
        {
            Log.Failed(logger, claimed.Change.Image.ToString(), exception);
            var why = $"an unexpected fault ({exception.GetType().Name}); see the service's log";
            await (claimed.Change.Tries >= MaxOwnFaults
                ? EndAsync(claimed, new ChangeDecision.Refuse(why), null, null, cancellationToken)
                : WaitAsync(claimed, why, null, cancellationToken));
        }
    }

    private async Task HandBackAsync(ClaimedChange claimed)
    {
        try
        {
            using var limit = new CancellationTokenSource(LastWords, time);
            await queue.HandBackAsync(claimed, limit.Token);
            Log.HandedBack(logger, claimed.Change.Image.ToString());
        }
        catch (Exception exception)
        {
            // The lease runs out, and whoever is free takes the wish over.
            Log.NotHandedBack(logger, claimed.Change.Image.ToString(), exception);
        }
    }

    private async Task TryAsync(ClaimedChange claimed, CancellationToken cancellationToken)
    {
        var change = claimed.Change;
        if (registries.OfHost(change.Host) is not { } client)
        {
            await EndAsync(claimed, new ChangeDecision.Refuse($"no registry of the host {change.Host} is configured"), null, null, cancellationToken);
            return;
        }

        if (await MoveAsync(claimed, client, cancellationToken) is not { } lost)
        {
            return;
        }

        if (!await BringBackAsync(claimed, lost, client, cancellationToken))
        {
            var why = $"the registry no longer holds {lost.Version ?? lost.Digest.Short} ({lost.Digest}), nor does another that it was published to";
            await EndAsync(claimed, new ChangeDecision.Refuse(why), null, null, cancellationToken);
        }
        else if (await MoveAsync(claimed, client, cancellationToken) is not null)
        {
            await WaitAsync(claimed, $"the registry lost {lost.Digest} again", null, cancellationToken);
        }
    }

    /// <summary>Decides under the tag's lock, and puts.</summary>
    /// <returns>What is to be put and is not in the repository; null where the wish has ended or waits.</returns>
    private async Task<ChangeDecision.Put?> MoveAsync(ClaimedChange claimed, RegistryClient client, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(TagLock.Lease, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        if (!await TagLock.WaitAsync(token => queue.TryLockAsync(claimed, TagLock.Lease, token), time, either.Token))
        {
            await WaitAsync(claimed, "a release is moving the tag", null, cancellationToken);
            return null;
        }

        try
        {
            return await DecideAsync(claimed, client, either.Token);
        }
        finally
        {
            await queue.UnlockAsync(claimed, CancellationToken.None);
        }
    }

    private async Task<ChangeDecision.Put?> DecideAsync(ClaimedChange claimed, RegistryClient client, CancellationToken cancellationToken)
    {
        var change = claimed.Change;
        var current = await client.HeadManifestAsync(change.Repository, change.Tag, cancellationToken);
        var decision = await queue.DecideAsync(claimed, current, await ListAsync(change, client, cancellationToken), cancellationToken);
        if (decision is not ChangeDecision.Put put || current == put.Digest)
        {
            await EndAsync(claimed, decision, current, current, cancellationToken);
            return null;
        }

        if (await client.GetManifestAsync(change.Repository, put.Digest.Value, cancellationToken) is not { } manifest)
        {
            return put;
        }

        await TagLock.PutAsync(client, change.Image, manifest, token => queue.IntendAsync(claimed, put, token), cancellationToken);
        await EndAsync(claimed, put, current, manifest.Digest, cancellationToken);
        return null;
    }

    /// <summary>
    /// What a registry has lost is copied from another that the release was pushed to, byte for byte and under its digest alone. That can take long,
    /// so the tag is not locked meanwhile; the wish stays this worker's.
    /// </summary>
    /// <returns>False where none of them holds it.</returns>
    private async Task<bool> BringBackAsync(ClaimedChange claimed, ChangeDecision.Put put, RegistryClient client, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var limit = new CancellationTokenSource(CopyLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, limit.Token);
        var copy = CopyBackAsync(claimed.Change, put, client, either.Token);
        try
        {
            while (await Task.WhenAny(copy, Task.Delay(Lease / 3, time, cancellationToken)) != copy)
            {
                await queue.RenewAsync(claimed, Lease, cancellationToken);
            }
        }
        finally
        {
            // Else it would go on where the wish is another's.
            await over.CancelAsync();
            await ((Task)copy).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await queue.RenewAsync(claimed, Lease, cancellationToken);
        return await copy;
    }

    private async Task<bool> CopyBackAsync(TagChange change, ChangeDecision.Put put, RegistryClient client, CancellationToken cancellationToken)
    {
        RegistryException? fault = null;
        foreach (var holder in await queue.HoldersAsync(put, change.Image.Repository, cancellationToken))
        {
            if (registries.OfHost(holder.Host) is not { } from)
            {
                continue;
            }

            try
            {
                if (await from.GetManifestAsync(holder.Name, put.Digest.Value, cancellationToken) is { } manifest)
                {
                    await ImageCopy.CopyAsync(from, holder.Name, manifest, client, change.Repository, manifest.Digest.Value, progress: null, cancellationToken);
                    Log.BroughtBack(logger, change.Image.Repository.ToString(), manifest.Digest.Short, holder.ToString());
                    return true;
                }
            }
            catch (RegistryException exception)
            {
                // Another may have it. One that is only away may give it later.
                fault = fault is { IsTransient: true } ? fault : exception;
            }
        }

        return fault is null ? false : throw fault;
    }

    /// <summary>Only where the versions in the registry count.</summary>
    private static async Task<IReadOnlyList<string>> ListAsync(TagChange change, RegistryClient client, CancellationToken cancellationToken) =>
        change.Kind == TagChangeKind.Settle ? await client.ListTagsAsync(change.Repository, cancellationToken).ToListAsync(cancellationToken) : [];

    private async Task EndAsync(ClaimedChange claimed, ChangeDecision decision, Digest? from, Digest? to, CancellationToken cancellationToken)
    {
        await queue.FinishAsync(claimed, decision, from, to, cancellationToken);
        var change = claimed.Change;
        if (decision is ChangeDecision.Put put)
        {
            Log.Moved(logger, change.Image.ToString(), put.Version ?? to?.Short ?? "", change.By, change.Reason);
        }
        else if (decision is ChangeDecision.Refuse)
        {
            Log.Refused(logger, change.By, change.Image.ToString(), decision.Why);
        }
        else
        {
            Log.Kept(logger, change.By, change.Image.ToString(), decision.Why);
        }
    }

    private async Task WaitAsync(ClaimedChange claimed, string why, TimeSpan? asked, CancellationToken cancellationToken)
    {
        var change = claimed.Change;
        if (time.GetUtcNow() - change.CreatedAt >= publishing.GiveUpAfter)
        {
            await EndAsync(claimed, new ChangeDecision.Refuse($"given up after {publishing.GiveUpAfter}: {why}"), null, null, cancellationToken);
            return;
        }

        var wait = Backoff.Next(change.Tries, FirstWait, LongestWait, asked);
        Log.Waiting(logger, change.By, change.Image.ToString(), wait.TotalSeconds, why);
        await queue.PutOffAsync(claimed, wait, why, cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Image} now points to {Version}, as {By} wished: {Reason}")]
        public static partial void Moved(ILogger logger, string image, string version, string by, string reason);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "The wish of {By} changes nothing about {Image}: {Why}")]
        public static partial void Kept(ILogger logger, string by, string image, string why);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "The wish of {By} for {Image} can't be carried out: {Why}")]
        public static partial void Refused(ILogger logger, string by, string image, string why);

        [LoggerMessage(EventId = 4, Level = LogLevel.Information, Message = "The wish of {By} for {Image} waits {Seconds:F0} s: {Why}")]
        public static partial void Waiting(ILogger logger, string by, string image, double seconds, string why);

        [LoggerMessage(EventId = 5, Level = LogLevel.Warning, Message = "A wish for {Image} was taken over by another worker, or ended; this attempt ends.")]
        public static partial void FencedOff(ILogger logger, string image);

        [LoggerMessage(EventId = 6, Level = LogLevel.Error, Message = "A wish for {Image} met an unexpected fault.")]
        public static partial void Failed(ILogger logger, string image, Exception exception);

        [LoggerMessage(EventId = 7, Level = LogLevel.Information, Message = "A wish for {Image} was handed back undecided; the next worker takes it.")]
        public static partial void HandedBack(ILogger logger, string image);

        [LoggerMessage(EventId = 8, Level = LogLevel.Warning, Message = "A wish for {Image} could not be handed back; its lease will run out.")]
        public static partial void NotHandedBack(ILogger logger, string image, Exception exception);

        [LoggerMessage(EventId = 9, Level = LogLevel.Information, Message = "{Repository} had lost {Digest} and has it again, from {Holder}.")]
        public static partial void BroughtBack(ILogger logger, string repository, string digest, string holder);
    }
}
