using ReleaseBot.Core;
using ReleaseBot.History;

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

    /// <summary>An end that one image is the cause of.</summary>
    /// <param name="found">What its registry holds under the name, where that is the cause.</param>
    public static End Of(ReleaseImage image, ReleaseStatus status, Reason reason, Digest? found = null) =>
        new(status, reason) { Images = [new ImageFailure(image.Ordinal, reason, found)] };

    /// <summary>On to the next stage.</summary>
    public sealed record Next : StageResult;

    /// <summary>Something outside is away. The slot is given up; the release is claimed again after a growing wait, or after what the other side asked for.</summary>
    public sealed record Wait(Reason Reason, TimeSpan? Asked) : StageResult
    {
        /// <summary>When to give up, where that is sooner than for others: once the same reason has come again and this long was waited.</summary>
        public TimeSpan? GiveUpAfter { get; init; }

        /// <summary>The reason to end with when the wait is given up, where it is another.</summary>
        public ReasonCode? EndsAs { get; init; }

        /// <summary>Whether only registries are waited for: those images that wait have their own reason on record, and the others none.</summary>
        public bool IsForRegistries { get; init; }

        /// <summary>Whether the next try is to be at this worker's engine, while a worker of that lives.</summary>
        public bool ComesBack { get; init; }

        /// <returns>The time after which to give up, where it has come; null to wait on.</returns>
        /// <param name="last">What the release waited for before this attempt.</param>
        /// <param name="waited">For how long it has waited by now, whatever for.</param>
        /// <param name="giveUpAfter">When every wait ends.</param>
        public TimeSpan? GivesUp(Reason? last, TimeSpan waited, TimeSpan giveUpAfter)
        {
            if (waited >= giveUpAfter)
            {
                return giveUpAfter;
            }

            return GiveUpAfter is { } sooner && waited >= sooner && last == Reason ? sooner : null;
        }
    }

    /// <summary>The release is over.</summary>
    public sealed record End(ReleaseStatus Status, Reason Reason) : StageResult
    {
        /// <summary>The images that the end is about, each with its own reason; null where it is about all that are not pushed.</summary>
        public IReadOnlyList<ImageFailure>? Images { get; init; }

        /// <summary>The first of several that came side by side, with the images of all of them; null where there is none.</summary>
        public static End? First(IEnumerable<End?> ends)
        {
            var all = ends.OfType<End>().ToList();
            return all.Count == 0 ? null : all[0] with { Images = [.. all.SelectMany(end => end.Images ?? [])] };
        }
    }
}
