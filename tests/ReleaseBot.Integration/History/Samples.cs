using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Integration.History;

/// <summary>Rows for tests that need many.</summary>
internal static class Samples
{
    /// <param name="branch">Null for a tag of the number's.</param>
    public static Release Queued(int number, long project, DateTimeOffset now, string? branch = null) => new()
    {
        Id = Guid.CreateVersion7(now.AddMilliseconds(number)),
        Key = $"key-{number}",
        ProjectId = project,
        ProjectPath = $"acme/app-{project}",
        RefKind = branch is null ? RefKind.Tag : RefKind.Branch,
        RefName = branch ?? $"v1.0.{number}",
        Target = number.ToString("x40", null),
        Commit = number.ToString("x8", null) + new string('0', 32),
        Version = $"1.0.{number}",
        TriggerKind = TriggerKind.Webhook,
        Status = ReleaseStatus.Queued,
        NotBefore = HistoryTime(now),
        CreatedAt = HistoryTime(now.AddMilliseconds(number)),
    };

    public static ReleaseImage Image(Guid release, int ordinal, string repository, string tag = "latest", string? digest = null) => new()
    {
        ReleaseId = release,
        Ordinal = ordinal,
        Registry = "main",
        Host = "registry.example",
        Repository = repository,
        Tag = tag,
        Reference = $"registry.example/{repository}:{tag}",
        Kind = ImageTagKind.Version,
        Status = ImageStatus.Pending,
        Digest = digest,
    };

    /// <summary>To the microsecond, as PostgreSQL keeps it.</summary>
    private static DateTimeOffset HistoryTime(DateTimeOffset moment) =>
        new(moment.UtcTicks - moment.UtcTicks % TimeSpan.TicksPerMicrosecond, TimeSpan.Zero);
}
