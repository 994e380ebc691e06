using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Starts and ends the stages of an attempt. A stage that runs again keeps the time of its first start.</summary>
internal static class StageWrites
{
    public static async Task<ReleaseStage> StartAsync(
        HistoryContext context, Release release, StageName name, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var stage = await FindAsync(context, release, name, cancellationToken);
        if (stage is null)
        {
            stage = new ReleaseStage { ReleaseId = release.Id, Attempt = release.Attempt, Name = name, StartedAt = now };
            context.ReleaseStages.Add(stage);
        }

        stage.Status = StageStatus.Running;
        stage.FinishedAt = null;
        return stage;
    }

    /// <summary>Ends a stage, if it was ever started.</summary>
    public static async Task EndAsync(
        HistoryContext context, Release release, StageName name, StageStatus status, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (await FindAsync(context, release, name, cancellationToken) is { Status: StageStatus.Running } stage)
        {
            stage.Status = status;
            stage.FinishedAt = now;
        }
    }

    /// <summary>How a stage ended that still ran when its release did.</summary>
    public static StageStatus EndOf(ReleaseStatus status) => status switch
    {
        ReleaseStatus.Published => StageStatus.Done,
        ReleaseStatus.Canceled or ReleaseStatus.Superseded => StageStatus.Canceled,
        _ => StageStatus.Failed,
    };

    /// <summary>Whatever still runs when an attempt ends has ended with it.</summary>
    public static async Task EndAllAsync(HistoryContext context, Release release, StageStatus status, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var running = await context.ReleaseStages.AsTracking()
            .Where(row => row.ReleaseId == release.Id && row.Attempt == release.Attempt && row.Status == StageStatus.Running).ToListAsync(cancellationToken);
        foreach (var stage in running)
        {
            stage.Status = status;
            stage.FinishedAt = now;
        }
    }

    private static async Task<ReleaseStage?> FindAsync(HistoryContext context, Release release, StageName name, CancellationToken cancellationToken) =>
        await context.ReleaseStages.AsTracking().SingleOrDefaultAsync(
            row => row.ReleaseId == release.Id && row.Attempt == release.Attempt && row.Name == name, cancellationToken);
}
