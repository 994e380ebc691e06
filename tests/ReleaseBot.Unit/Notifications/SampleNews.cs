using ReleaseBot.Core;
using ReleaseBot.Notifications;

namespace ReleaseBot.Unit.Notifications;

/// <summary>One release's news for each outcome.</summary>
internal static class SampleNews
{
    private static readonly Digest Digest = Digest.Parse("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");

    public static ReleaseNews Published { get; } = new()
    {
        Outcome = Outcome.Published,
        ReleaseId = Guid.Parse("01990b5e-7c3a-7d10-8a55-0c9a6f1e2d3b"),
        ProjectPath = "acme/shop",
        ProjectUrl = new Uri("https://gitlab.example/acme/shop"),
        Ref = "v1.2.3",
        RefKind = RefKind.Tag,
        Version = "1.2.3",
        Commit = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        User = "jdoe",
        Images =
        [
            new NewsImage("registry.example/acme/shop:v1.2.3", Digest, false, "pushed"),
            new NewsImage("registry.example/acme/shop:latest", Digest, true, "pushed"),
            new NewsImage("docker.io/acme/shop:v1.2.3", Digest, false, "pushed"),
            new NewsImage("docker.io/acme/shop:latest", null, true, "kept"),
        ],
        Duration = TimeSpan.FromSeconds(83.4),
        Page = new Uri("https://releases.example/releases/01990b5e-7c3a-7d10-8a55-0c9a6f1e2d3b"),
        At = new DateTimeOffset(2026, 3, 4, 15, 6, 7, 250, TimeSpan.Zero),
    };

    public static ReleaseNews Failed { get; } = Published with
    {
        Outcome = Outcome.Failed,
        Reason = new Reason(ReasonCode.BuildFailed, "Step \"RUN make\" ended with exit code 2."),
        Images = [],
    };

    public static ReleaseNews Rejected { get; } = Published with
    {
        Outcome = Outcome.Rejected,
        Ref = "experiment",
        Version = null,
        Reason = new Reason(ReasonCode.RefNotProtected, "The tag experiment is not protected in GitLab, and the project's rule asks for it."),
        Images = [],
        Duration = null,
    };

    public static ReleaseNews Drifted { get; } = Published with
    {
        Outcome = Outcome.Failed,
        Drift = "registry.example/acme/shop:v1.2.3 was published as sha256:9f86d081884c, and the registry says sha256:60303ae22b99: somebody pushed past us",
        Images = [],
        Duration = null,
    };

    public static ReleaseNews Recovered { get; } = Published with { Outcome = Outcome.Recovered };

    public static ReleaseNews For(Outcome outcome) => outcome switch
    {
        Outcome.Published => Published,
        Outcome.Failed => Failed,
        Outcome.Rejected => Rejected,
        Outcome.Recovered => Recovered,
        _ => throw new ArgumentOutOfRangeException(nameof(outcome)),
    };

    /// <summary>Bare news, as of a ref that was refused before anything was known of it.</summary>
    public static ReleaseNews Bare { get; } = new()
    {
        Outcome = Outcome.Rejected,
        ReleaseId = Published.ReleaseId,
        ProjectPath = "acme/shop",
        Ref = "main",
        RefKind = RefKind.Branch,
        At = Published.At,
    };
}
