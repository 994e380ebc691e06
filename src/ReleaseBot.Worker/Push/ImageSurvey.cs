using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>Looks at what the registries hold under a release's names, and decides what that means for it.</summary>
internal sealed class ImageSurvey(RegistryClients registries, TagLedger tags, RunLedger ledger, DockerEngine engine)
{
    /// <summary>
    /// Before the build, the registries side by side: every name is free or ours, and we may push. A registry that is away is noted on its images, and
    /// is no obstacle yet, unless it may be the one that holds what an earlier attempt pushed: what is built again could get another digest.
    /// </summary>
    /// <returns>Why the release ends or waits here, or null.</returns>
    public async Task<StageResult?> ExamineAllAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        var troubles = new PushTroubles(run, ledger);
        // All of them, so that each image is told apart and the user mends all names at once.
        var end = await troubles.SideBySideAsync(
            run.Carriers.Where(image => image.Status != ImageStatus.Pushed),
            async image =>
            {
                await registries.Get(image.Registry).CheckPushAsync(image.Repository, cancellationToken);
                return (await ExamineAsync(run, image, cancellationToken)).Refusal;
            },
            goesOn: true,
            cancellationToken);
        if (end is not null || run.Digest is null || run.IsHeldByARegistry)
        {
            return end;
        }

        return troubles.Result() as StageResult.Wait;
    }

    /// <summary>One name: adopts what is there if it is this release's own image, refuses if it is a version that somebody published.</summary>
    /// <returns>
    /// Why the release ends here, or null, and what the name points to. <see cref="ReleaseImage.Status"/> tells whether the image was adopted.
    /// </returns>
    public async Task<(StageResult.End? Refusal, Digest? Found)> ExamineAsync(ReleaseRun run, ReleaseImage image, CancellationToken cancellationToken)
    {
        var found = await registries.Get(image.Registry).GetManifestAsync(image.Repository, image.Tag, cancellationToken);
        if (found is null)
        {
            return (null, null);
        }

        if (IsOwn(run, found))
        {
            await AdoptAsync(run, image, found.Digest, isLocked: false, cancellationToken);
            return (null, found.Digest);
        }

        var standing = await tags.StandingAsync(image.Image, cancellationToken);
        switch (NameFinding.Of(image.Image, image.Kind, run.Rule.Overwrite, standing, run.Release, found.Digest, found.ConfigDigest?.Value))
        {
            case NameFinding.Refused refused:
                return (StageResult.Of(image, ReleaseStatus.Rejected, refused.Reason, found.Digest), found.Digest);
            case NameFinding.Stays:
                run.Log.Say($"{image.Image} was published already, from this commit of this branch, as {found.Digest.Short}");
                await ledger.RecordImageAsync(run.Claimed, image.Ordinal, ImageStatus.Pushed, found.Digest, null, cancellationToken);
                run.MarkPushed(image, found.Digest);
                break;
        }

        return (null, found.Digest);
    }

    /// <summary>Whether the bytes can be had without a build: from a registry that holds them, or from this worker's engine.</summary>
    public async Task<bool> IsImageAvailableAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        if (run.IsHeldByARegistry)
        {
            return true;
        }

        if (run.ImageId is null)
        {
            return false;
        }

        try
        {
            if (await engine.HasImageAsync(run.ImageId, cancellationToken))
            {
                return true;
            }
        }
        catch (EngineUnavailableException)
        {
            return false;
        }

        await ledger.RecordImageGoneAsync(run.Claimed, cancellationToken);
        return false;
    }

    /// <summary>What a run that is told to end leaves behind: an image whose put was under way, and may have come to pass, is looked for once more.</summary>
    public async Task AdoptPutsAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        if (run.ImageId is null)
        {
            return;
        }

        foreach (var image in run.Carriers.Where(image => image.Status == ImageStatus.Pending).ToList())
        {
            await AdoptPutAsync(run, image, isLocked: false, cancellationToken);
        }

        foreach (var image in run.Followers.Where(image => image.Status == ImageStatus.Pending).ToList())
        {
            // Under its lock: an operator may move the tag at this moment. Whoever has it knows what becomes of it.
            if (!await tags.TryLockAsync(run.Claimed, image.Image, TagLock.Lease, cancellationToken))
            {
                continue;
            }

            try
            {
                await AdoptPutAsync(run, image, isLocked: true, cancellationToken);
            }
            finally
            {
                await tags.UnlockAsync(run.Claimed, image.Image, CancellationToken.None);
            }
        }
    }

    private async Task AdoptPutAsync(ReleaseRun run, ReleaseImage image, bool isLocked, CancellationToken cancellationToken)
    {
        if (await registries.Get(image.Registry).GetManifestAsync(image.Repository, image.Tag, cancellationToken) is { } found && IsOwn(run, found))
        {
            await AdoptAsync(run, image, found.Digest, isLocked, cancellationToken);
        }
    }

    private static bool IsOwn(ReleaseRun run, RegistryManifest found) =>
        run.Digest is { } digest ? found.Digest == digest : run.ImageId is { } imageId && found.ConfigDigest?.Value == imageId;

    /// <param name="isLocked">Whether the tag's lock is the run's own, under which it is written down then.</param>
    private async Task AdoptAsync(ReleaseRun run, ReleaseImage image, Digest digest, bool isLocked, CancellationToken cancellationToken)
    {
        if (image.Status == ImageStatus.Pushed)
        {
            return;
        }

        run.Log.Say($"{image.Image} is there already, with this release's own image {digest.Short}");
        const string Why = "an earlier attempt of this release pushed it";
        await (isLocked
            ? tags.RecordLockedMoveAsync(run.Claimed, image, digest, digest, TagVerdict.Adopted, Why, cancellationToken)
            : tags.RecordMoveAsync(run.Claimed, image, digest, digest, TagVerdict.Adopted, Why, cancellationToken));
        run.MarkPushed(image, digest);
    }
}
