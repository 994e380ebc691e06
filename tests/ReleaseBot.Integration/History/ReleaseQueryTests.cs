using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>The list of releases, against a plain filter over the same rows in memory.</summary>
public abstract class ReleaseQueryTests(IDatabases databases) : HistoryTest(databases)
{
    private const int Count = 120;
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly string[] Digests = [.. "abc".Select(digit => "sha256:" + new string(digit, 64))];

    private static readonly ReleaseStatus[] OneStatus = [ReleaseStatus.Published];
    private static readonly ReleaseStatus[] SomeStatuses = [ReleaseStatus.Failed, ReleaseStatus.Queued, ReleaseStatus.Failed];

    private static readonly (Func<ReleaseFilter, ReleaseFilter> Set, Func<Release, bool> Holds)[] Filters =
    [
        (filter => filter with { Project = "2" }, row => row.ProjectId == 2),
        (filter => filter with { Project = "acme/app-1" }, row => row.ProjectPath == "acme/app-1"),
        (filter => filter with { Project = "ACME/App-1" }, row => row.ProjectPath == "acme/app-1"),
        (filter => filter with { Ref = "v1.0.4" }, row => row.RefName == "v1.0.4"),
        (filter => filter with { Ref = "refs/tags/v1.0.4" }, row => row is { RefName: "v1.0.4", RefKind: RefKind.Tag }),
        (filter => filter with { Version = "1.0.4" }, row => row.Version == "1.0.4"),
        (filter => filter with { Commit = "0000002" }, row => row.Commit!.StartsWith("0000002", StringComparison.Ordinal)),
        (filter => filter with { Commit = "000000AB" }, row => row.Commit!.StartsWith("000000ab", StringComparison.Ordinal)),
        (filter => filter with { Statuses = OneStatus }, row => row.Status == ReleaseStatus.Published),
        (filter => filter with { Statuses = SomeStatuses }, row => row.Status is ReleaseStatus.Failed or ReleaseStatus.Queued),
        (filter => filter with { Digest = Digests[1] }, row => row.Images.Exists(image => image.Digest == Digests[1] && image.Status == ImageStatus.Pushed)),
        (filter => filter with { Image = "registry.example/shop" }, row => row.Images.Exists(image => image.Repository == "shop")),
        (filter => filter with { Image = "registry.example/shop:latest" }, row => row.Images.Exists(image => image is { Repository: "shop", Tag: "latest" })),
        (filter => filter with { Since = Start.AddSeconds(30) }, row => row.CreatedAt >= Start.AddSeconds(30)),
        (filter => filter with { Until = Start.AddSeconds(90) }, row => row.CreatedAt <= Start.AddSeconds(90)),
    ];

    private List<Release> _rows = [];

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _rows = [.. Enumerable.Range(0, Count).Select(Row)];
        await History.Database.WriteAsync(
            async (context, token) =>
            {
                context.Releases.AddRange(_rows);
                return await context.SaveChangesAsync(token);
            },
            Token);
    }

    [Fact]
    public async Task Every_Filter_And_Every_Pair_Of_Filters_Finds_What_It_Says_Page_By_Page()
    {
        for (var first = 0; first < Filters.Length; first++)
        {
            for (var second = first; second < Filters.Length; second++)
            {
                var filter = Filters[second].Set(Filters[first].Set(new ReleaseFilter { Limit = 7 }));
                // Two of a kind: the later one counts.
                var holdsFirst = filter == Filters[first].Set(filter) ? Filters[first].Holds : _ => true;
                var expected = Newest(row => holdsFirst(row) && Filters[second].Holds(row));

                (await AllPagesAsync(filter)).ShouldBe(expected, $"filters {first} and {second}");
            }
        }
    }

    [Fact]
    public async Task All_Filters_Together_Find_The_One()
    {
        var row = _rows[44];
        var filter = new ReleaseFilter
        {
            Project = row.ProjectPath,
            Ref = row.RefName,
            Version = row.Version,
            Commit = row.Commit![..9],
            Statuses = [row.Status, ReleaseStatus.Superseded],
            Digest = row.Images[0].Digest,
            Image = row.Images[0].Reference,
            Since = row.CreatedAt,
            Until = row.CreatedAt,
        };

        var page = await History.Queries.ReleasesAsync(filter, Token);

        (page.Items.ShouldHaveSingleItem().Id, page.Next).ShouldBe((row.Id, null));
    }

    [Fact]
    public async Task Pages_Are_Newest_First_Without_A_Gap_Or_A_Repeat_And_The_Last_Has_No_Next()
    {
        (await AllPagesAsync(new ReleaseFilter { Limit = 50 })).ShouldBe(Newest(_ => true));
        (await History.Queries.ReleasesAsync(new ReleaseFilter { Limit = Count }, Token)).Next.ShouldBeNull();
        (await History.Queries.ReleasesAsync(new ReleaseFilter { Limit = Count - 1 }, Token)).Next.ShouldNotBeNull();
        (await History.Queries.ReleasesAsync(new ReleaseFilter { Until = DateTimeOffset.MaxValue, Since = DateTimeOffset.MinValue }, Token)).Items.Count.ShouldBe(50);
    }

    [Fact]
    public async Task What_Arrives_Meanwhile_Shifts_No_Page()
    {
        var first = await History.Queries.ReleasesAsync(new ReleaseFilter { Limit = 10 }, Token);
        await AcceptAsync(1, GitRef.Tag("v9"), Object(9999));

        var second = await History.Queries.ReleasesAsync(new ReleaseFilter { Limit = 10, Before = first.Next }, Token);

        second.Items.Select(row => row.Id).ShouldBe(Newest(_ => true).Skip(10).Take(10));
    }

    [Fact]
    public async Task A_Release_Comes_With_Its_Images_In_The_Order_Of_The_Plan()
    {
        var page = await History.Queries.ReleasesAsync(new ReleaseFilter { Limit = 20 }, Token);

        page.Items.ShouldAllBe(row => row.Images.Count == 2 && row.Images[0].Ordinal == 0 && row.Images[1].Ordinal == 1);
        (await History.Queries.StatusAsync(_rows[0].Id, Token)).ShouldBe(_rows[0].Status);
        (await History.Queries.StatusAsync(Guid.Empty, Token)).ShouldBeNull();
        (await History.Queries.ReleaseAsync(Guid.Empty, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task Deliveries_Are_Paged_And_Filtered_And_Come_Without_Their_Bodies()
    {
        for (var number = 0; number < 15; number++)
        {
            await History.Intake.StoreAsync(Delivery($"d{number}", number % 3 == 0 ? null : Release(number % 2, GitRef.Tag($"v{number}"), Object(5000 + number))), Token);
        }

        var all = (await History.RowsAsync<Delivery>()).OrderByDescending(row => row.Id).ToList();
        (await PagesAsync(new DeliveryFilter { Limit = 4 })).ShouldBe(all.Select(row => row.Id));
        (await PagesAsync(new DeliveryFilter { Limit = 4, Outcome = DeliveryOutcome.Ignored })).Count.ShouldBe(5);
        (await PagesAsync(new DeliveryFilter { Limit = 2, Project = "acme/app-1", Outcome = DeliveryOutcome.Accepted })).ShouldBe(
            all.Where(row => row is { ProjectPath: "acme/app-1", Outcome: DeliveryOutcome.Accepted }).Select(row => row.Id));
        (await History.Queries.DeliveriesAsync(new DeliveryFilter(), Token)).Items.ShouldAllBe(row => row.Body == null && row.BodyBytes == 2);
    }

    private static Release Row(int number)
    {
        var id = Guid.CreateVersion7(Start.AddSeconds(number));
        var kind = number % 4 == 3 ? RefKind.Branch : RefKind.Tag;
        return new Release
        {
            Id = id,
            Key = $"key-{number}",
            ProjectId = number % 3,
            ProjectPath = $"acme/app-{number % 3}",
            RefKind = kind,
            RefName = $"v1.0.{number % 10}",
            Target = Object(number).Value,
            Commit = (number * 4).ToString("x8", null) + new string('0', 32),
            Version = kind == RefKind.Tag ? $"1.0.{number % 10}" : null,
            TriggerKind = TriggerKind.Webhook,
            Status = Enum.GetValues<ReleaseStatus>()[number % 9],
            CreatedAt = Start.AddSeconds(number),
            NotBefore = Start,
            Images =
            [
                Image(id, 0, number % 2 == 0 ? "shop" : "till", number % 5 == 0 ? "latest" : $"v{number}", number % 7 == 0 ? null : Digests[number % 3], ImageStatus.Pushed),
                Image(id, 1, number % 6 == 0 ? "shop" : "other", $"w{number}", Digests[number / 3 % 3], ImageStatus.Kept),
            ],
        };
    }

    private static ReleaseImage Image(Guid release, int ordinal, string repository, string tag, string? digest, ImageStatus status)
    {
        var image = Samples.Image(release, ordinal, repository, tag, digest);
        image.Status = status;
        return image;
    }

    private List<Guid> Newest(Func<Release, bool> holds) => [.. _rows.Where(holds).OrderByDescending(row => row.Id).Select(row => row.Id)];

    private async Task<List<Guid>> AllPagesAsync(ReleaseFilter filter)
    {
        List<Guid> ids = [];
        Guid? next = null;
        do
        {
            var page = await History.Queries.ReleasesAsync(filter with { Before = next }, Token);
            page.Items.Count.ShouldBeLessThanOrEqualTo(filter.Limit);
            ids.AddRange(page.Items.Select(row => row.Id));
            next = page.Next;
        }
        while (next is not null);
        return ids;
    }

    private async Task<List<Guid>> PagesAsync(DeliveryFilter filter)
    {
        List<Guid> ids = [];
        Guid? next = null;
        do
        {
            var page = await History.Queries.DeliveriesAsync(filter with { Before = next }, Token);
            ids.AddRange(page.Items.Select(row => row.Id));
            next = page.Next;
        }
        while (next is not null);
        return ids;
    }
}

public sealed class ReleaseQueryOnSqlite() : ReleaseQueryTests(new SqliteDatabases());

public sealed class ReleaseQueryOnPostgres(PostgresServer server) : ReleaseQueryTests(new PostgresDatabases(server));
