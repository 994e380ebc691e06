using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>Moves floating and branch tags, once every registry holds the version, the registries side by side. Each move is decided when it is made, and written down.</summary>
internal sealed class TagsStage(TagMover mover, RunLedger ledger) : IReleaseStage
{
    public StageName Name => StageName.Tags;

    public ReleaseStatus Status => ReleaseStatus.Pushing;

    public async Task<StageResult> RunAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        var troubles = new PushTroubles(run, ledger);
        var ends = await Task.WhenAll(run.Followers.Where(image => image.Status is ImageStatus.Pending or ImageStatus.Failed).GroupBy(image => image.Registry)
            .Select(group => MoveInRegistryAsync(run, [.. group], troubles, cancellationToken)));
        return StageResult.End.First(ends) ?? troubles.Result();
    }

    /// <returns>Why the release ends here, or null.</returns>
    private async Task<StageResult.End?> MoveInRegistryAsync(
        ReleaseRun run, IReadOnlyList<ReleaseImage> images, PushTroubles troubles, CancellationToken cancellationToken)
    {
        foreach (var image in images)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                if (!await mover.MoveAsync(run, image, cancellationToken))
                {
                    troubles.Add(image, $"another release is moving {image.Image}", null);
                }
            }
            catch (RegistryException exception) when (exception.IsTransient)
            {
                await troubles.NoteAsync(image, exception.Message, exception.RetryAfter, cancellationToken);
            }
            catch (RegistryException exception)
            {
                return PushFaults.Permanent(image, exception);
            }
        }

        return null;
    }
}
