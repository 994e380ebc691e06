using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>
/// A history that all tests of plans read and none changes: <see cref="Varied"/> releases of which each filter finds few, and then
/// <see cref="Alike"/> that have all things in common, more than a page may read of one index.
/// </summary>
public abstract class PlanStore(IDatabases databases) : IAsyncLifetime
{
    public const int Varied = 2400;
    public const int Alike = 5400;

    /// <summary>The project that those alike are of.</summary>
    public const int BusyProject = 1000;

    /// <summary>One that failed, though it had taken its name and built its image.</summary>
    public const int UnpublishedNumber = 50;

    private HistoryHost? _history;

    public HistoryHost History => _history ?? throw new InvalidOperationException("The store is not there yet.");

    public PlanRecorder Plans { get; } = new();

    /// <summary>The name that it had taken.</summary>
    public static ImageRef Unpublished { get; } = new(new ImageRepository("registry.example", "app-50"), "v50");

    /// <summary>As they are in the database, newest first.</summary>
    public IReadOnlyList<Release> Releases { get; private set; } = [];

    private static DateTimeOffset Start { get; } = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    public async ValueTask InitializeAsync()
    {
        var token = TestContext.Current.CancellationToken;
        _history = await databases.CreateAsync(Plans, token);
        List<Release> rows = [.. Enumerable.Range(0, Varied).Select(VariedRow), .. Enumerable.Range(Varied, Alike).Select(AlikeRow)];
        await _history.Database.WriteAsync(
            async (context, cancellationToken) =>
            {
                context.ChangeTracker.AutoDetectChangesEnabled = false;
                context.Releases.AddRange(rows);
                context.TagOwners.Add(OwnerOf(rows[UnpublishedNumber]));
                context.ReleaseBuilds.AddRange(rows.Take(Varied).Select((row, number) => new ReleaseBuild { ReleaseId = row.Id, ImageId = DigestOf(number) }));
                return await context.SaveChangesAsync(cancellationToken);
            },
            token);
        Releases = [.. rows.OrderByDescending(row => row.Id)];
        // PostgreSQL does so by itself; a file of SQLite has no statistics.
        await _history.Database.ReadAsync(
            (context, cancellationToken) => context.Database.IsSqlite() ? Task.FromResult(0) : context.Database.ExecuteSqlRawAsync("VACUUM ANALYZE", cancellationToken), token);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_history is not null)
        {
            await _history.DisposeAsync();
        }
    }

    public static DateTimeOffset TimeOf(int number) => Start.AddMilliseconds(number);

    public static string DigestOf(int number) => "sha256:" + number.ToString("x64", null);

    private static Release VariedRow(int number)
    {
        var row = Samples.Queued(number, number % 100, Start);
        row.Status = number % 50 == 0 ? ReleaseStatus.Failed : number % 51 == 0 ? ReleaseStatus.Rejected : ReleaseStatus.Published;
        return WithImage(row, $"app-{number % 100}", $"v{number}", DigestOf(number));
    }

    private static Release AlikeRow(int number)
    {
        var row = Samples.Queued(number, BusyProject, Start, branch: "main");
        (row.Status, row.Version) = (ReleaseStatus.Superseded, "2.0.0");
        return WithImage(row, "busy", "main", DigestOf(Varied));
    }

    private static TagOwner OwnerOf(Release release) => new()
    {
        Host = Unpublished.Repository.Host,
        Repository = Unpublished.Repository.Name,
        Tag = Unpublished.Tag,
        Kind = ImageTagKind.Version,
        ProjectId = release.ProjectId,
        Ref = release.Ref.FullName,
        ReleaseId = release.Id,
        Version = release.Version,
        UpdatedAt = release.CreatedAt,
    };

    private static Release WithImage(Release row, string repository, string tag, string digest)
    {
        var image = Samples.Image(row.Id, 0, repository, tag, digest);
        image.Status = ImageStatus.Pushed;
        row.Images.Add(image);
        return row;
    }
}

public sealed class SqlitePlanStore() : PlanStore(SqliteDatabases.InMemory);

public sealed class PostgresPlanStore(PostgresServer server) : PlanStore(new PostgresDatabases(server));
