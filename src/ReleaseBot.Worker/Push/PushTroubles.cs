using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>
/// Registries that were away in this attempt: noted in the log and on each image's row at once, so that whoever looks sees what is waited
/// for. With none, the stage is done; else the release waits for them.
/// </summary>
internal sealed class PushTroubles(ReleaseRun run, RunLedger ledger)
{
    private readonly List<Trouble> _all = [];
    private readonly Lock _lock = new();

    /// <summary>
    /// Does something with each of these images, the registries side by side, the images of one in their order. A registry that is away is noted;
    /// one that refuses ends the release.
    /// </summary>
    /// <param name="act">Returns why the release ends with this image, or null.</param>
    /// <param name="goesOn">Whether the other images of a registry are still seen to after one that ends the release.</param>
    /// <returns>Why the release ends here, or null.</returns>
    public async Task<StageResult.End?> SideBySideAsync(
        IEnumerable<ReleaseImage> images, Func<ReleaseImage, Task<StageResult.End?>> act, bool goesOn, CancellationToken cancellationToken)
    {
        var ends = await Task.WhenAll(images.GroupBy(image => image.Registry).Select(group => InOrderAsync([.. group], act, goesOn, cancellationToken)));
        return StageResult.End.First(ends.SelectMany(end => end));
    }

    /// <param name="message">What the registry, or the engine on its way there, said.</param>
    /// <param name="asked">How long the registry asks to be left alone, where it says so.</param>
    public async Task NoteAsync(ReleaseImage image, string message, TimeSpan? asked, CancellationToken cancellationToken)
    {
        run.Log.Say($"{image.Registry} is away: {message}");
        Add(new Trouble(image, message, asked, IsOfImage: true));
        var reason = new Reason(ReasonCode.RegistryUnavailable, message);
        await ledger.RecordImageAsync(run.Claimed, image.Ordinal, ImageStatus.Pending, null, reason, cancellationToken);
    }

    /// <summary>Counts a wait that is not the image's own.</summary>
    public void Add(ReleaseImage image, string message, TimeSpan? asked) => Add(new Trouble(image, message, asked, IsOfImage: false));

    public StageResult Result()
    {
        // A registry that the engine did not get through to may have taken the same image from another one since.
        List<Trouble> left = [.. _all.Where(trouble => !trouble.IsOfImage || trouble.Image.Status is not (ImageStatus.Pushed or ImageStatus.Kept))];
        if (left.Count == 0)
        {
            return StageResult.Done;
        }

        var registries = string.Join(", ", left.Select(trouble => trouble.Image.Registry).Distinct());
        var reason = new Reason(ReasonCode.RegistryUnavailable, $"Waiting for {registries}: {left[0].Message}");
        return new StageResult.Wait(reason, left.Max(trouble => trouble.Asked)) { IsForRegistries = true };
    }

    private async Task<List<StageResult.End>> InOrderAsync(
        IReadOnlyList<ReleaseImage> images, Func<ReleaseImage, Task<StageResult.End?>> act, bool goesOn, CancellationToken cancellationToken)
    {
        List<StageResult.End> ends = [];
        foreach (var image in images)
        {
            if (ends.Count > 0 && !goesOn)
            {
                break;
            }

            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                if (await act(image) is { } end)
                {
                    ends.Add(end);
                }
            }
            catch (RegistryException exception) when (exception.IsTransient)
            {
                await NoteAsync(image, exception.Message, exception.RetryAfter, cancellationToken);
            }
            catch (RegistryException exception)
            {
                ends.Add(PushFaults.Permanent(image, exception));
            }
        }

        return ends;
    }

    private void Add(Trouble trouble)
    {
        lock (_lock)
        {
            _all.Add(trouble);
        }
    }

    /// <param name="IsOfImage">Whether it is over once the image is where it belongs.</param>
    private sealed record Trouble(ReleaseImage Image, string Message, TimeSpan? Asked, bool IsOfImage);
}
