using System.Globalization;
using ReleaseBot.Benchmarks.History;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.Workers;

/// <summary>Releases that are verified and wait, spread evenly over projects; each project has a repository of its own.</summary>
/// <param name="due">How many of them may be claimed; the others wait for their time, as where a registry is away.</param>
internal sealed class WaitingReleases(int count, int projects, int due)
{
    /// <summary>When those that are not due will be: never, as far as a measurement goes.</summary>
    private static readonly DateTimeOffset Later = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public async Task WriteAsync(RowFiller filler, CancellationToken cancellationToken)
    {
        await filler.WriteAsync(Enumerable.Range(0, projects).Select(number => new Project { Id = number, Path = PathOf(number), FirstSeenAt = Start, BaselineAt = Start }), cancellationToken);
        await filler.WriteReleasesAsync(Enumerable.Range(0, count).Select(Row), cancellationToken);
    }

    private static string PathOf(int project) => string.Create(CultureInfo.InvariantCulture, $"acme/app-{project}");

    private Release Row(int number)
    {
        var at = Start.AddMilliseconds(number);
        var (id, path) = (Guid.CreateVersion7(at), PathOf(number % projects));
        var version = string.Create(CultureInfo.InvariantCulture, $"1.0.{number / projects}");
        var row = new Release
        {
            Id = id,
            Key = string.Create(CultureInfo.InvariantCulture, $"waiting-{number}"),
            ProjectId = number % projects,
            ProjectPath = path,
            RefKind = RefKind.Tag,
            RefName = $"v{version}",
            IsProtected = true,
            Target = number.ToString("x40", CultureInfo.InvariantCulture),
            Commit = number.ToString("x40", CultureInfo.InvariantCulture),
            Version = version,
            TriggerKind = TriggerKind.Webhook,
            Status = ReleaseStatus.Queued,
            NotBefore = number < due ? at : Later,
            CreatedAt = at,
            QueuedAt = at,
        };
        row.Images.Add(Image(id, 0, path, $"v{version}", ImageTagKind.Version));
        row.Images.Add(Image(id, 1, path, "latest", ImageTagKind.Floating));
        row.Stages.Add(new ReleaseStage { ReleaseId = id, Attempt = 1, Name = StageName.Queue, Status = StageStatus.Running, StartedAt = at });
        return row;
    }

    private static ReleaseImage Image(Guid release, int ordinal, string repository, string tag, ImageTagKind kind) => new()
    {
        ReleaseId = release,
        Ordinal = ordinal,
        Registry = "main",
        Host = SeededHistory.Registry,
        Repository = repository,
        Tag = tag,
        Reference = $"{SeededHistory.Registry}/{repository}:{tag}",
        Kind = kind,
        Status = ImageStatus.Pending,
    };
}
