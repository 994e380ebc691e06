using ReleaseBot.Core;

namespace ReleaseBot.Worker;

/// <summary>
/// One stage of a release. A worker may die at any instruction of it, and the next attempt begins with the first stage again; so each one looks
/// at what is there already before it does anything, and says so in its summary.
/// </summary>
internal interface IReleaseStage
{
    /// <summary>Its name in the API.</summary>
    StageName Name { get; }

    /// <summary>What the release's status is while it runs.</summary>
    ReleaseStatus Status { get; }

    Task<StageResult> RunAsync(ReleaseRun run, CancellationToken cancellationToken);
}
