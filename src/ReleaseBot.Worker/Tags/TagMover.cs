using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>Moves one tag under its lock: reads what is published, decides, puts, reads back, records.</summary>
internal sealed class TagMover(RegistryClients registries, TagLedger tags, TimeProvider time)
{
    /// <returns>False where another release holds the tag for longer than we wait.</returns>
    /// <exception cref="RegistryException">The registry is away, or will not have it.</exception>
    public async Task<bool> MoveAsync(ReleaseRun run, ReleaseImage image, CancellationToken cancellationToken)
    {
        if (!await TagLock.WaitAsync(token => tags.TryLockAsync(run.Claimed, image.Image, TagLock.Lease, token), time, cancellationToken))
        {
            return false;
        }

        try
        {
            // The lock's lease bounds the move, so that it can't outlive the lock.
            using var limit = new CancellationTokenSource(TagLock.Lease, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            await DecideAndMoveAsync(run, image, either.Token);
            return true;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RegistryException(RegistryFault.Unavailable, $"{image.Image} could not be moved within {TagLock.Lease.TotalMinutes:F0} minutes: the registry is too slow.", exception);
        }
        finally
        {
            await tags.UnlockAsync(run.Claimed, image.Image, CancellationToken.None);
        }
    }

    private async Task DecideAndMoveAsync(ReleaseRun run, ReleaseImage image, CancellationToken cancellationToken)
    {
        var client = registries.Get(image.Registry);
        var current = await client.HeadManifestAsync(image.Repository, image.Tag, cancellationToken);
        var verdict = image.Kind == ImageTagKind.Branch
            ? new FloatingVerdict.Move("it follows the branch's head")
            : await DecideAsync(run, image, client, cancellationToken);
        switch (verdict)
        {
            case FloatingVerdict.Keep keep:
                run.Log.Say($"{image.Image} stays: {keep.Why}");
                await tags.RecordKeptAsync(run.Claimed, image, current, run.Digest!, keep, cancellationToken);
                image.Status = ImageStatus.Kept;
                break;
            default:
                await PutAsync(run, image, client, current, verdict.Why, cancellationToken);
                break;
        }
    }

    private async Task<FloatingVerdict> DecideAsync(ReleaseRun run, ReleaseImage image, RegistryClient client, CancellationToken cancellationToken)
    {
        var listed = await client.ListTagsAsync(image.Repository, cancellationToken).ToListAsync(cancellationToken);
        return await tags.DecideAsync(run.Claimed, image, run.Plan.Version, listed, cancellationToken);
    }

    private async Task PutAsync(
        ReleaseRun run, ReleaseImage image, RegistryClient client, Digest? current, string why, CancellationToken cancellationToken)
    {
        var digest = run.Digest!;
        if (current != digest)
        {
            var manifest = await client.GetManifestAsync(image.Repository, digest.Value, cancellationToken)
                ?? throw new RegistryException(RegistryFault.Corrupt, $"{image.Image.Repository} no longer holds {digest.Short}, which this release put there.");
            await TagLock.PutAsync(client, image.Image, manifest, token => tags.OpenPutAsync(run.Claimed, image, digest, token), cancellationToken);
        }

        await tags.RecordLockedMoveAsync(run.Claimed, image, current, digest, current is null ? TagVerdict.Created : TagVerdict.Moved, why, cancellationToken);
        run.MarkPushed(image, digest);
        run.Log.Say($"{image.Image} now points to {digest.Short}: {why}");
    }
}
