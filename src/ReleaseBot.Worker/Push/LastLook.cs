using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Before a release ends unpublished: what is said of its images must be so, as far as the registries can be asked; of the others it is said that it is not known.</summary>
internal sealed class LastLook(ImageSurvey survey, RunLedger ledger, TimeProvider time)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <returns>The registries that could not be asked, and may hold something of the release.</returns>
    public async Task<IReadOnlyCollection<string>> TakeAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        var unknown = await LookAsync(run, cancellationToken);
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        foreach (var (image, why) in unknown)
        {
            run.Log.Say($"whether {image.Image} is there is not known: {why}");
            await ledger.RecordImageAsync(run.Claimed, image.Ordinal, ImageStatus.Pending, null, PossiblePuts.NotKnown(why), either.Token);
        }

        foreach (var image in run.Putting.Where(image => image.Status == ImageStatus.Pending && unknown.All(one => one.Image.Ordinal != image.Ordinal)))
        {
            run.Log.Say($"{image.Image} was being put: it is not there, and may come yet");
            await ledger.RecordImageAsync(run.Claimed, image.Ordinal, ImageStatus.Pending, null, PossiblePuts.MayComeYet, either.Token);
        }

        return [.. unknown.Select(one => one.Image.Registry).Distinct()];
    }

    private async Task<IReadOnlyList<(ReleaseImage Image, string Why)>> LookAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        return await survey.AdoptPutsAsync(run, either.Token);
    }
}
