using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>Brings an image that one registry holds to all the others, byte for byte, the registries side by side.</summary>
internal sealed class ImageSpread(RegistryClients registries, ImageSurvey survey, TagLedger tags)
{
    /// <returns>Why the release ends here, or null. Registries that are away are added to <paramref name="troubles"/>.</returns>
    public async Task<StageResult.End?> RunAsync(ReleaseRun run, PushTroubles troubles, CancellationToken cancellationToken)
    {
        var missing = run.Carriers.Where(image => image.Status != ImageStatus.Pushed).ToList();
        if (missing.Count == 0)
        {
            return null;
        }

        var source = run.Carriers.First(image => image.Status == ImageStatus.Pushed);
        RegistryManifest manifest;
        try
        {
            manifest = await registries.Get(source.Registry).GetManifestAsync(source.Repository, run.Digest!.Value, cancellationToken)
                ?? throw new RegistryException(RegistryFault.Corrupt, $"{source.Image.Repository} no longer holds {run.Digest.Short}, which was pushed there.");
        }
        catch (RegistryException exception) when (exception.IsTransient)
        {
            troubles.Add(source, exception.Message, exception.RetryAfter);
            return null;
        }
        catch (RegistryException exception)
        {
            return PushFaults.Permanent(source, exception);
        }

        return await troubles.SideBySideAsync(missing, image => CopyIfMissingAsync(run, source, manifest, image, cancellationToken), goesOn: false, cancellationToken);
    }

    public static TagVerdict VerdictOf(ReleaseImage image, Digest? before, Digest after)
    {
        if (before is null)
        {
            return TagVerdict.Created;
        }

        if (before == after)
        {
            return TagVerdict.Adopted;
        }

        return image.Kind == ImageTagKind.Version ? TagVerdict.Replaced : TagVerdict.Moved;
    }

    public static string WhyOf(ReleaseImage image, Digest? before, Digest after) => VerdictOf(image, before, after) switch
    {
        TagVerdict.Created => "the tag was free",
        TagVerdict.Adopted => "it was there already, with the same digest",
        TagVerdict.Replaced => "what it pointed to was never published or was handed over, or the rule's Overwrite allows it",
        _ => "the branch went on",
    };

    private async Task<StageResult.End?> CopyIfMissingAsync(
        ReleaseRun run, ReleaseImage source, RegistryManifest manifest, ReleaseImage image, CancellationToken cancellationToken)
    {
        var (refusal, before) = await survey.ExamineAsync(run, image, cancellationToken);
        if (refusal is null && image.Status != ImageStatus.Pushed)
        {
            await CopyAsync(run, source, manifest, image, before, cancellationToken);
        }

        return refusal;
    }

    private async Task CopyAsync(ReleaseRun run, ReleaseImage source, RegistryManifest manifest, ReleaseImage image, Digest? before, CancellationToken cancellationToken)
    {
        var (from, to) = (registries.Get(source.Registry), registries.Get(image.Registry));
        run.Log.Say($"copying to {image.Image}");
        await tags.BeginPushAsync(run.Claimed, image, cancellationToken);
        if (image.Kind == ImageTagKind.Branch)
        {
            await tags.OpenPutAsync(run.Claimed, image, manifest.Digest, cancellationToken);
        }

        var digest = await run.PutAsync(
            image, () => ImageCopy.CopyAsync(from, source.Repository, manifest, to, image.Repository, image.Tag, run.Log.Say, cancellationToken));
        var seen = await to.HeadManifestAsync(image.Repository, image.Tag, cancellationToken);
        if (seen != digest)
        {
            throw new RegistryException(RegistryFault.Corrupt, $"{image.Image} was put as {digest.Short}, but the registry answers {seen?.Short ?? "nothing"} for it.");
        }

        await tags.RecordMoveAsync(run.Claimed, image, before, digest, VerdictOf(image, before, digest), WhyOf(image, before, digest), cancellationToken);
        run.MarkPushed(image, digest);
        run.Log.Say($"{image.Image} holds {digest}");
    }
}
