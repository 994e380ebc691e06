using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>Looks at what the registries hold under a release's names, and decides what that means for it.</summary>
internal sealed class ImageSurvey(RegistryClients registries, TagLedger tags, RunLedger ledger, DockerEngine engine)
{
    private const string PushedEarlier = "an earlier attempt of this release pushed it";

    /// <summary>
    /// Before the build, the registries side by side: every name is free or ours, and we may push. A registry that is away is noted on its images, and
    /// is no obstacle yet, unless it may be the one that holds what an earlier attempt pushed: what is built again could get another digest.
    /// </summary>
    /// <returns>Why the release ends or waits here, or null.</returns>
    public async Task<StageResult?> ExamineAllAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        await Task.WhenAll(run.Unconfirmed.ToList().Select(image => TryConfirmAsync(run, image, cancellationToken)));
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

    /// <summary>
    /// What an earlier attempt pushed, hours ago maybe: another may have the name by now, or a stranger may have overwritten it. Then it counts as not
    /// pushed, and is examined like any other.
    /// </summary>
    /// <exception cref="RegistryException">Its registry could not be asked.</exception>
    public async Task ConfirmAsync(ReleaseRun run, ReleaseImage image, CancellationToken cancellationToken)
    {
        var found = await registries.Get(image.Registry).HeadManifestAsync(image.Repository, image.Tag, cancellationToken);
        if (found?.Value == image.Digest)
        {
            run.MarkConfirmed(image);
            return;
        }

        run.Log.Say($"{image.Image} was pushed by an earlier attempt, and points to {found?.Short ?? "nothing"} now");
        await ledger.RecordImageAsync(run.Claimed, image.Ordinal, ImageStatus.Pending, null, null, cancellationToken);
        run.MarkLost(image);
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
            await AdoptAsync(run, image, found.Digest, cancellationToken);
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

    /// <summary>
    /// What a run that is told to end, or an attempt before it, leaves behind: an image whose put was under way, and may have come to pass, is looked for once more,
    /// the registries side by side.
    /// </summary>
    /// <returns>The images of which it stays unknown, and why.</returns>
    public async Task<IReadOnlyList<(ReleaseImage Image, string Why)>> AdoptPutsAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        if (run.ImageId is null)
        {
            return [];
        }

        var possible = (await tags.PossiblePutsAsync(run.Claimed, cancellationToken)).Select(image => image.Ordinal).ToHashSet();
        var pending = run.Carriers.Concat(run.Followers).Where(image => image.Status == ImageStatus.Pending).ToList();
        var unknown = await Task.WhenAll(pending.GroupBy(image => image.Registry).Select(group => AdoptPutsAsync(run, [.. group], cancellationToken)));
        return [.. unknown.SelectMany(images => images).Where(one => possible.Contains(one.Image.Ordinal))];
    }

    /// <summary>The images of one registry, until it does not answer.</summary>
    private async Task<IReadOnlyList<(ReleaseImage Image, string Why)>> AdoptPutsAsync(
        ReleaseRun run, IReadOnlyList<ReleaseImage> images, CancellationToken cancellationToken)
    {
        List<(ReleaseImage Image, string Why)> unknown = [];
        string? silence = null;
        foreach (var image in images)
        {
            try
            {
                if (silence is not null)
                {
                    unknown.Add((image, silence));
                }
                else if (!await TryAdoptPutAsync(run, image, cancellationToken))
                {
                    unknown.Add((image, "somebody else was moving the tag."));
                }
            }
            catch (RegistryException exception)
            {
                silence = exception.Message;
                unknown.Add((image, silence));
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                silence = $"{image.Registry} did not answer in time.";
                unknown.Add((image, silence));
            }
        }

        return unknown;
    }

    /// <returns>False where another has the tag's lock, and so knows better what becomes of it.</returns>
    private async Task<bool> TryAdoptPutAsync(ReleaseRun run, ReleaseImage image, CancellationToken cancellationToken)
    {
        if (run.Carriers.Contains(image))
        {
            if (await FindOwnAsync(run, image, cancellationToken) is { } digest)
            {
                await AdoptAsync(run, image, digest, cancellationToken);
            }

            return true;
        }

        // Under its lock: an operator may move the tag at this moment.
        if (!await tags.TryLockAsync(run.Claimed, image.Image, TagLock.Lease, cancellationToken))
        {
            return false;
        }

        try
        {
            if (await FindOwnAsync(run, image, cancellationToken) is { } digest && await tags.TryAdoptAsync(run.Claimed, image, digest, PushedEarlier, cancellationToken))
            {
                run.Log.Say($"{image.Image} is there already, with this release's own image {digest.Short}");
                run.MarkPushed(image, digest);
            }

            return true;
        }
        finally
        {
            await tags.UnlockAsync(run.Claimed, image.Image, CancellationToken.None);
        }
    }

    private async Task<Digest?> FindOwnAsync(ReleaseRun run, ReleaseImage image, CancellationToken cancellationToken) =>
        await registries.Get(image.Registry).GetManifestAsync(image.Repository, image.Tag, cancellationToken) is { } found && IsOwn(run, found) ? found.Digest : null;

    /// <summary>With its registry away it is asked again before the push.</summary>
    private async Task TryConfirmAsync(ReleaseRun run, ReleaseImage image, CancellationToken cancellationToken)
    {
        try
        {
            await ConfirmAsync(run, image, cancellationToken);
        }
        catch (RegistryException exception)
        {
            run.Log.Say($"whether {image.Image} is there still is not known: {exception.Message}");
        }
    }

    private static bool IsOwn(ReleaseRun run, RegistryManifest found) =>
        run.Digest is { } digest ? found.Digest == digest : run.ImageId is { } imageId && found.ConfigDigest?.Value == imageId;

    private async Task AdoptAsync(ReleaseRun run, ReleaseImage image, Digest digest, CancellationToken cancellationToken)
    {
        if (image.Status == ImageStatus.Pushed)
        {
            return;
        }

        run.Log.Say($"{image.Image} is there already, with this release's own image {digest.Short}");
        await tags.RecordMoveAsync(run.Claimed, image, digest, digest, TagVerdict.Adopted, PushedEarlier, cancellationToken);
        run.MarkPushed(image, digest);
    }
}
