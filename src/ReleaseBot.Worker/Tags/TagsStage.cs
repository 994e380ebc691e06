using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Moves floating and branch tags, once every registry holds the version, the registries side by side. Each move is decided when it is made, and written down.</summary>
internal sealed class TagsStage(TagMover mover, RunLedger ledger) : IReleaseStage
{
    public StageName Name => StageName.Tags;

    public ReleaseStatus Status => ReleaseStatus.Pushing;

    public async Task<StageResult> RunAsync(ReleaseRun run, CancellationToken cancellationToken)
    {
        var troubles = new PushTroubles(run, ledger);
        var images = run.Followers.Where(image => image.Status is ImageStatus.Pending or ImageStatus.Failed);
        return await troubles.SideBySideAsync(images, image => MoveAsync(run, image, troubles, cancellationToken), goesOn: false, cancellationToken)
            ?? troubles.Result();
    }

    private async Task<StageResult.End?> MoveAsync(ReleaseRun run, ReleaseImage image, PushTroubles troubles, CancellationToken cancellationToken)
    {
        if (!await mover.MoveAsync(run, image, cancellationToken))
        {
            troubles.Add(image, $"another release is moving {image.Image}", null);
        }

        return null;
    }
}
