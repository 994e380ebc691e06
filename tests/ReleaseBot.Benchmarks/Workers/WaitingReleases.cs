using System.Globalization;
using ReleaseBot.Benchmarks.History;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.Workers;

/// <summary>Releases that are verified and due, ten of each project and more where there are very many; each project has a repository of its own.</summary>
internal sealed class WaitingReleases(int count)
{
    private const int PerProject = 10;
    private const int FewestProjects = 10;
    private const int MostProjects = 5000;

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private int Projects { get; } = Math.Clamp(count / PerProject, FewestProjects, MostProjects);

    public async Task WriteAsync(RowFiller filler, CancellationToken cancellationToken)
    {
        await filler.WriteAsync(Enumerable.Range(0, Projects).Select(number => new Project { Id = number, Path = PathOf(number), FirstSeenAt = Start, BaselineAt = Start }), cancellationToken);
        await filler.WriteReleasesAsync(Enumerable.Range(0, count).Select(Row), cancellationToken);
    }

    private static string PathOf(int project) => string.Create(CultureInfo.InvariantCulture, $"acme/app-{project}");

    private Release Row(int number)
    {
        var at = Start.AddMilliseconds(number);
        var (id, path) = (Guid.CreateVersion7(at), PathOf(number % Projects));
        var version = string.Create(CultureInfo.InvariantCulture, $"1.0.{number / Projects}");
        var row = new Release
        {
            Id = id,
            Key = string.Create(CultureInfo.InvariantCulture, $"waiting-{number}"),
            ProjectId = number % Projects,
            ProjectPath = path,
            RefKind = RefKind.Tag,
            RefName = $"v{version}",
            IsProtected = true,
            Target = number.ToString("x40", CultureInfo.InvariantCulture),
            Commit = number.ToString("x40", CultureInfo.InvariantCulture),
            Version = version,
            TriggerKind = TriggerKind.Webhook,
            Status = ReleaseStatus.Queued,
            NotBefore = at,
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
