using ReleaseBot.Core;

namespace ReleaseBot.Worker;

/// <summary>How a stage ended: the release goes on, waits, or is over.</summary>
internal abstract record StageResult
{
    private StageResult()
    {
    }

    public static StageResult Done { get; } = new Next();

    public static StageResult Fail(ReasonCode code, string message) => new End(ReleaseStatus.Failed, new Reason(code, message));

    public static StageResult Reject(Reason reason) => new End(ReleaseStatus.Rejected, reason);

    /// <summary>On to the next stage.</summary>
    public sealed record Next : StageResult;

    /// <summary>Something outside is away. The slot is given up; the release is claimed again after a growing wait, or after what the other side asked for.</summary>
    public sealed record Wait(Reason Reason, TimeSpan? Asked) : StageResult;

    /// <summary>The release is over.</summary>
    public sealed record End(ReleaseStatus Status, Reason Reason) : StageResult;
}
