using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.History;

/// <summary>
/// A history as years of use would leave it, the same at every run: few projects have most of the releases, most were published, and each
/// put five tags on two registries. Every row is made when it is asked for; none is kept.
/// </summary>
internal sealed class SeededHistory(int releases)
{
    public const string Registry = "registry.example";
    public const string SecondRegistry = "docker.io";
    public const int ImagesPerRelease = 5;
    private const int MostProjects = 5000;
    private const int Active = 40;
    private const int BuildMilliseconds = 90_000;

    private static readonly DateTimeOffset Start = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Span = TimeSpan.FromDays(700);

    public int Releases => releases;

    public int Projects { get; } = Math.Clamp(releases / 20, 1, MostProjects);

    public static string PathOf(long project) => string.Create(CultureInfo.InvariantCulture, $"acme/team-{project % 40}/app-{project}");

    public DateTimeOffset TimeOf(int number) => Start.AddMilliseconds(Math.Floor(Span.TotalMilliseconds / releases * number));

    /// <summary>The id of a release, whatever its project; ids sort by number.</summary>
    public Guid IdOf(int number) => Id(TimeOf(number), number, kind: 0);

    public static string DigestOf(int number) => "sha256:" + Hash("manifest", number);

    public static string CommitOf(int number) => Hash("commit", number)[..40];

    public IEnumerable<Project> ProjectRows() => Enumerable.Range(0, Projects).Select(number => new Project
    {
        Id = number,
        Path = PathOf(number),
        Url = $"https://gitlab.example/{PathOf(number)}",
        FirstSeenAt = Start,
        BaselineAt = Start,
        LastStatus = ReleaseStatus.Published,
        LastStartedAt = TimeOf(releases - 1 - number),
    });

    public async Task WriteAsync(RowFiller filler, CancellationToken cancellationToken)
    {
        await filler.WriteAsync(ProjectRows(), cancellationToken);
        await filler.WriteReleasesAsync(ReleaseRows(), cancellationToken);
        await filler.WriteAsync(DeliveryRows(), cancellationToken);
        await filler.WriteAsync(MoveRows(), cancellationToken);
        await filler.WriteAsync(OwnerRows(), cancellationToken);
    }

    /// <summary>In the order of their ids, each with its images and stages.</summary>
    public IEnumerable<Release> ReleaseRows()
    {
        var random = new Random(20);
        var counts = new int[Projects];
        for (var number = 0; number < releases; number++)
        {
            // The cube: the first project of 5,000 has 6 % of all releases, the last but one a few dozen.
            var project = (int)(Projects * Math.Pow(random.NextDouble(), 3));
            yield return Row(number, project, counts[project]++, random);
        }
    }

    public IEnumerable<Delivery> DeliveryRows() => Enumerable.Range(0, releases).Select(number =>
    {
        var project = (long)(Projects * Math.Pow((uint)(number * 2654435761L) / (double)uint.MaxValue * 0.999999, 3));
        return new Delivery
        {
            Id = Id(TimeOf(number), number, kind: 1),
            Key = string.Create(CultureInfo.InvariantCulture, $"delivery-{number}"),
            ReceivedAt = TimeOf(number),
            Event = number % 5 == 0 ? "Push Hook" : "Tag Push Hook",
            ProjectId = project,
            ProjectPath = PathOf(project),
            Ref = string.Create(CultureInfo.InvariantCulture, $"refs/tags/v1.0.{number % 500}"),
            Before = new string('0', 40),
            After = CommitOf(number),
            User = "jdoe",
            Outcome = number % 50 == 7 ? DeliveryOutcome.Duplicate : number % 3 == 0 ? DeliveryOutcome.Ignored : DeliveryOutcome.Accepted,
            ReleaseId = number % 3 == 0 ? null : IdOf(number),
            Headers = "{}",
            BodySha256 = Hash("body", number),
            BodyBytes = 1500,
        };
    });

    /// <summary>Every release moved its project's <c>latest</c>; a move of the version tag would be one more of the same.</summary>
    public IEnumerable<TagMove> MoveRows() => ReleaseRows().Where(row => row.Digest is not null).Select((row, number) => new TagMove
    {
        Id = Id(row.CreatedAt, number, kind: 2),
        Host = Registry,
        Repository = row.ProjectPath,
        Tag = "latest",
        At = row.CreatedAt,
        To = row.Digest,
        ReleaseId = row.Id,
        Version = row.Version,
        Verdict = TagVerdict.Moved,
        Reason = "the highest published stable version",
        By = "release",
    });

    public IEnumerable<TagOwner> OwnerRows() => Enumerable.Range(0, Projects).Select(project => new TagOwner
    {
        Host = Registry,
        Repository = PathOf(project),
        Tag = "latest",
        Kind = ImageTagKind.Floating,
        ProjectId = project,
        Ref = "refs/tags/v1.0.0",
        ReleaseId = IdOf(project),
        Digest = DigestOf(project),
        IsPublished = true,
        UpdatedAt = TimeOf(releases - 1),
        NextCheckAt = TimeOf(releases - 1).AddHours(project % 24),
    });

    private Release Row(int number, int project, int count, Random random)
    {
        var id = IdOf(number);
        var at = TimeOf(number);
        var isBranch = random.NextDouble() < 0.2;
        var status = number >= releases - Active ? (number % 2 == 0 ? ReleaseStatus.Queued : ReleaseStatus.Building) : StatusOf(random.NextDouble(), isBranch);
        var version = isBranch ? null : string.Create(CultureInfo.InvariantCulture, $"{1 + count / 2000}.{count / 40 % 50}.{count % 40}");
        var hasDigest = status == ReleaseStatus.Published;
        var row = new Release
        {
            Id = id,
            Key = string.Create(CultureInfo.InvariantCulture, $"{project}:{number}"),
            ProjectId = project,
            ProjectPath = PathOf(project),
            ProjectUrl = $"https://gitlab.example/{PathOf(project)}",
            RefKind = isBranch ? RefKind.Branch : RefKind.Tag,
            RefName = isBranch ? (random.NextDouble() < 0.8 ? "main" : "develop") : $"v{version}",
            IsProtected = true,
            Target = CommitOf(number),
            Commit = CommitOf(number),
            CommittedAt = at,
            Version = version,
            TriggerKind = random.NextDouble() < 0.03 ? TriggerKind.Reconcile : TriggerKind.Webhook,
            DeliveryId = Id(at, number, kind: 1),
            TriggerUser = "jdoe",
            Status = status,
            Fence = 1,
            // The active ones are not due, so that nothing would take them up.
            NotBefore = status.IsFinal() ? at : at.AddYears(10),
            CreatedAt = at,
            QueuedAt = at,
            StartedAt = status.IsFinal() ? at : null,
            FinishedAt = status.IsFinal() ? at.AddMilliseconds(BuildMilliseconds) : null,
            // One in a hundred built what its predecessor had.
            Digest = hasDigest ? DigestOf(number % 100 == 1 ? number - 1 : number) : null,
            ImageId = hasDigest ? "sha256:" + Hash("config", number) : null,
        };
        AddImages(row, count);
        AddStages(row);
        return row;
    }

    private static ReleaseStatus StatusOf(double chance, bool isBranch) => chance switch
    {
        < 0.93 => ReleaseStatus.Published,
        < 0.97 => ReleaseStatus.Failed,
        < 0.985 => ReleaseStatus.Rejected,
        < 0.99 => ReleaseStatus.Canceled,
        _ => isBranch ? ReleaseStatus.Superseded : ReleaseStatus.Published,
    };

    private static void AddImages(Release row, int count)
    {
        var own = row.Version is { } version ? $"v{version}" : row.Commit![..12];
        var minor = string.Create(CultureInfo.InvariantCulture, $"{1 + count / 2000}.{count / 40 % 50}");
        row.Images.Add(Image(row, 0, Registry, own, ImageTagKind.Version));
        row.Images.Add(Image(row, 1, SecondRegistry, own, ImageTagKind.Version));
        if (row.RefKind == RefKind.Branch)
        {
            row.Images.Add(Image(row, 2, Registry, row.RefName, ImageTagKind.Branch));
            row.Images.Add(Image(row, 3, SecondRegistry, row.RefName, ImageTagKind.Branch));
            row.Images.Add(Image(row, 4, Registry, "edge", ImageTagKind.Branch));
            return;
        }

        row.Images.Add(Image(row, 2, Registry, minor, ImageTagKind.Floating));
        row.Images.Add(Image(row, 3, Registry, "latest", ImageTagKind.Floating));
        row.Images.Add(Image(row, 4, SecondRegistry, "latest", ImageTagKind.Floating));
    }

    private static ReleaseImage Image(Release row, int ordinal, string host, string tag, ImageTagKind kind) => new()
    {
        ReleaseId = row.Id,
        Ordinal = ordinal,
        Registry = host,
        Host = host,
        Repository = row.ProjectPath,
        Tag = tag,
        Reference = $"{host}/{row.ProjectPath}:{tag}",
        Kind = kind,
        Status = row.Digest is null ? ImageStatus.Pending : ImageStatus.Pushed,
        Digest = row.Digest,
        FinishedAt = row.Digest is null ? null : row.FinishedAt,
    };

    private static void AddStages(Release row)
    {
        if (row.StartedAt is { } started)
        {
            row.Stages.Add(Stage(row, StageName.Build, started, row.Status != ReleaseStatus.Failed));
            row.Stages.Add(Stage(row, StageName.Push, started.AddMinutes(1), row.Digest is not null));
        }
    }

    private static ReleaseStage Stage(Release row, StageName name, DateTimeOffset at, bool isDone) => new()
    {
        ReleaseId = row.Id,
        Attempt = 1,
        Name = name,
        Status = isDone ? StageStatus.Done : StageStatus.Failed,
        StartedAt = at,
        FinishedAt = at.AddSeconds(30),
    };

    /// <summary>A UUIDv7 whose last bytes, which are random in earnest, are the row's number.</summary>
    private static Guid Id(DateTimeOffset at, int number, byte kind)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, (at.ToUnixTimeMilliseconds() << 16) | 0x7000);
        bytes[8] = 0x80;
        bytes[9] = kind;
        BinaryPrimitives.WriteInt32BigEndian(bytes[12..], number);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>64 hex digits.</summary>
    private static string Hash(string what, int number)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        BinaryPrimitives.WriteInt32BigEndian(bytes[4..], what.Length * 31 + what[0]);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
