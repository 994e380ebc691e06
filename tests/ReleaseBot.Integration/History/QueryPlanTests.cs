using ReleaseBot.Core;
using ReleaseBot.History;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>
/// The database's own plan for each filter of what the API lists, and for every two of them, on the first page and behind it: it follows an index
/// and reads no whole table, and what comes is what a plain look at every row would find.
/// </summary>
public abstract class QueryPlanTests(PlanStore store)
{
    /// <summary>Filters that few releases meet.</summary>
    private static readonly Condition[] Rare =
    [
        new("project id", new() { Project = "17" }, row => row.ProjectId == 17, "ix_releases_project_id_"),
        new("project path", new() { Project = "Acme/App-17" }, row => row.ProjectPath == "acme/app-17", "ix_releases_lower_project_path_"),
        new("ref", new() { Ref = "v1.0.117" }, row => row.RefName == "v1.0.117", "ix_releases_ref_name_id_ref_kind"),
        new("full ref", new() { Ref = "refs/tags/v1.0.117" }, row => row.RefName == "v1.0.117", "ix_releases_ref_name_id_ref_kind"),
        new("version", new() { Version = "1.0.117" }, row => row.Version == "1.0.117", "ix_releases_version_id"),
        new("commit", new() { Commit = "0000007" }, row => row.Commit!.StartsWith("0000007", StringComparison.Ordinal), "ix_releases_commit"),
        new("status", new() { Statuses = [ReleaseStatus.Failed] }, row => row.Status == ReleaseStatus.Failed, "ix_releases_status_id"),
        new(
            "statuses", new() { Statuses = [ReleaseStatus.Failed, ReleaseStatus.Rejected] },
            row => row.Status is ReleaseStatus.Failed or ReleaseStatus.Rejected, "ix_releases_status_"),
        new("digest", new() { Digest = PlanStore.DigestOf(117) }, row => row.Images[0].Digest == PlanStore.DigestOf(117), "ix_release_images_digest_release_id"),
        new(
            "image", new() { Image = "registry.example/app-17:v117" }, row => row.Images[0].Reference == "registry.example/app-17:v117",
            "ix_release_images_reference_release_id"),
        new("repository", new() { Image = "registry.example/app-17" }, row => row.Images[0].Repository == "app-17", "ix_release_images_host_repository_release_id"),
    ];

    /// <summary>Filters that more releases meet than a page may read.</summary>
    private static readonly Condition[] Common =
    [
        new("busy project id", new() { Project = "1000" }, row => row.ProjectId == PlanStore.BusyProject, "ix_releases_project_id_"),
        new("busy project path", new() { Project = "acme/app-1000" }, row => row.ProjectId == PlanStore.BusyProject, "ix_releases_lower_project_path_"),
        new("busy ref", new() { Ref = "main" }, row => row.RefName == "main", "ix_releases_ref_name_id_ref_kind"),
        new("busy full ref", new() { Ref = "refs/heads/main" }, row => row.RefName == "main", "ix_releases_ref_name_id_ref_kind"),
        new("busy version", new() { Version = "2.0.0" }, row => row.Version == "2.0.0", "ix_releases_version_id"),
        new("busy status", new() { Statuses = [ReleaseStatus.Superseded] }, row => row.Status == ReleaseStatus.Superseded, "ix_releases_status_id"),
        new(
            "busy statuses", new() { Statuses = [ReleaseStatus.Superseded, ReleaseStatus.Published] },
            row => row.Status is ReleaseStatus.Superseded or ReleaseStatus.Published, "ix_releases_status_"),
        new("busy digest", new() { Digest = PlanStore.DigestOf(PlanStore.Varied) }, row => row.Images[0].Repository == "busy", "ix_release_images_digest_release_id"),
        new("busy image", new() { Image = "registry.example/busy:main" }, row => row.Images[0].Repository == "busy", "ix_release_images_reference_release_id"),
        new("busy repository", new() { Image = "registry.example/busy" }, row => row.Images[0].Repository == "busy", "ix_release_images_host_repository_release_id"),
    ];

    /// <summary>Bounds on the key itself, which every index has behind what it finds.</summary>
    private static readonly Condition[] Times =
    [
        new("since", new() { Since = PlanStore.TimeOf(50) }, row => row.CreatedAt >= PlanStore.TimeOf(50), null),
        new("until", new() { Until = PlanStore.TimeOf(PlanStore.Varied + PlanStore.Alike - 50) }, row => row.CreatedAt <= PlanStore.TimeOf(PlanStore.Varied + PlanStore.Alike - 50), null),
    ];

    public static TheoryData<string> Filters { get; } = [.. Rare.Concat(Common).Concat(Times).Select(one => one.Name)];

    private const int PageSize = 5;

    /// <summary>One row for each worker, which no index would make less.</summary>
    private const string Workers = "worker_heartbeats";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Filters))]
    public async Task A_Filter_Follows_Its_Index(string name) => await ExpectAsync([Rare.Concat(Common).Concat(Times).Single(one => one.Name == name)]);

    [Fact]
    public async Task No_Filter_Follows_The_Key() => await ExpectAsync([]);

    [Fact]
    public Task Every_Two_Filters_That_Few_Meet_Follow_The_Index_Of_One() => ExpectPairsAsync([.. Rare, .. Times]);

    [Fact]
    public Task Every_Two_Filters_That_Many_Meet_Follow_An_Index() => ExpectPairsAsync([.. Common, .. Times]);

    [Fact]
    public async Task Every_Three_Filters_That_Many_Meet_Follow_An_Index()
    {
        foreach (var (first, second, third) in
            from first in Common
            from second in Common[(Array.IndexOf(Common, first) + 1)..]
            from third in Common[(Array.IndexOf(Common, second) + 1)..]
            select (first, second, third))
        {
            if (!IsOfOneParameter(first.Filter, second.Filter) && !IsOfOneParameter(first.Filter, third.Filter) && !IsOfOneParameter(second.Filter, third.Filter))
            {
                await ExpectAsync([first, second, third]);
            }
        }
    }

    /// <summary>The one that few meet leads, whichever it is: nothing reads what the other finds, and it is not joined to it.</summary>
    [Fact]
    public async Task A_Filter_That_Few_Meet_Leads_One_That_Many_Meet()
    {
        foreach (var rare in Rare)
        {
            // Of each the next that can stand with it, and not all: which of two leads is all that is new.
            var others = Common.Where(common => !IsOfOneParameter(rare.Filter, common.Filter)).ToArray();
            await ExpectAsync([rare, others[Array.IndexOf(Rare, rare) * 3 % others.Length]]);

            store.Plans.Taken.ShouldAllBe(plan => !plan.Contains(" Join", StringComparison.Ordinal), rare.Name);
        }
    }

    /// <summary>Thousands may be counted to choose who leads, so their rows, which lie anywhere, are not read for it.</summary>
    [Fact]
    public async Task What_Leads_Is_Counted_Within_Its_Index()
    {
        // A commit's index has not the key, and of a digest it is the row that tells who put it there.
        foreach (var rare in Rare.Where(one => one.Filter is { Commit: null, Digest: null }))
        {
            var other = Common.First(common => !IsOfOneParameter(rare.Filter, common.Filter));
            store.Plans.Begin();
            await store.History.Queries.ReleasesAsync(Together(rare.Filter, other.Filter), Token);

            store.Plans.Taken.ShouldContain(
                plan => plan.Contains(rare.Index!, StringComparison.Ordinal) && IsWithinIndices(plan), $"{rare.Name}:\n{string.Join("\n\n", store.Plans.Taken)}");
        }
    }

    [Fact]
    public async Task All_Filters_At_Once_Follow_Indices()
    {
        await ExpectAsync([Rare[0], Rare[3], Rare[4], Rare[5], Rare[7], Rare[8], Rare[9], .. Times]);
        await ExpectAsync([Common[0], Common[3], Common[4], Common[6], Common[7], Common[9], .. Times]);
    }

    [Theory]
    [InlineData(null, null, "deliveries")]
    [InlineData("Acme/App-17", null, "ix_deliveries_lower_project_path_id")]
    [InlineData(null, DeliveryOutcome.Ignored, "ix_deliveries_outcome_id")]
    [InlineData("Acme/App-17", DeliveryOutcome.Ignored, "ix_deliveries_")]
    public async Task A_Filter_Of_The_Deliveries_Follows_Its_Index(string? project, DeliveryOutcome? outcome, string index)
    {
        foreach (var before in new Guid?[] { null, store.Releases[^1].Id })
        {
            store.Plans.Begin();
            await store.History.Queries.DeliveriesAsync(new DeliveryFilter { Project = project, Outcome = outcome, Before = before }, Token);

            store.Plans.Taken.ShouldHaveSingleItem().ShouldContain(index);
            ExpectNoWholeTable("deliveries");
        }
    }

    [Fact]
    public async Task What_An_Image_Tag_Came_From_Is_Found_By_Indices()
    {
        var image = new ImageRef(new ImageRepository("registry.example", "app-17"), "v17");
        var queries = store.History.Queries;
        store.Plans.Begin();
        await queries.TagOwnerAsync(image, Token);
        await queries.MovesAsync(image, 200, Token);
        await queries.MovesAsync(image, 200, Guid.CreateVersion7(PlanStore.TimeOf(9)), Token);
        await queries.StateAsync(image, PlanStore.TimeOf(0), Token);
        await queries.TagChangesAsync(image, 20, Token);
        await queries.RetractionAsync(image, Token);
        await store.History.Handovers.OfAsync(image, 20, Token);

        store.Plans.Taken.Count.ShouldBe(8);
        store.Plans.Taken.Count(plan => plan.Contains("ix_tag_moves_states", StringComparison.Ordinal)).ShouldBe(2);
        ExpectNoWholeTable("an image tag");
    }

    [Fact]
    public async Task What_Was_Built_For_A_Name_And_Never_Published_Is_Found_By_Indices()
    {
        store.Plans.Begin();
        var standing = (await store.History.Tags.StandingAsync(PlanStore.Unpublished, Token)).ShouldNotBeNull();

        standing.ImageIds.ShouldBe([PlanStore.DigestOf(PlanStore.UnpublishedNumber)]);
        store.Plans.Taken.ShouldContain(plan => plan.Contains("ix_release_images_reference_release_id", StringComparison.Ordinal));
        ExpectNoWholeTable("the standing of a tag");
    }

    [Fact]
    public async Task A_Claim_Looks_At_What_Is_Active_Only()
    {
        await store.History.Workers.ShowAsync(new WorkerState("other", "elsewhere", PlanStore.TimeOf(0), 2, 0), Token);
        await store.History.Workers.ShowAsync(new WorkerState("worker", null, PlanStore.TimeOf(0), 2, 0), Token);
        store.Plans.Begin("releases");
        (await store.History.Runs.ClaimAsync("other", "elsewhere", TimeSpan.FromSeconds(30), Token)).ShouldBeNull();
        (await store.History.Runs.ClaimAsync("worker", "engine", TimeSpan.FromSeconds(30), Token)).ShouldBeNull();
        (await store.History.Verification.ClaimAsync("web", TimeSpan.FromSeconds(30), Token)).ShouldBeNull();

        store.Plans.Taken.Count.ShouldBe(3);
        store.Plans.Taken.ShouldAllBe(plan => plan.Contains("ix_releases_", StringComparison.Ordinal));
        ExpectNoWholeTable("a claim");
    }

    [Fact]
    public async Task Metrics_Count_Along_An_Index()
    {
        store.Plans.Begin("releases");

        await store.History.Queries.VitalsAsync(Token);

        store.Plans.Taken.Count.ShouldBe(Enum.GetValues<ReleaseStatus>().Length);
        store.Plans.Taken.ShouldAllBe(plan => plan.Contains("ix_releases_", StringComparison.Ordinal));
        ExpectNoWholeTable("the metrics");
    }

    private async Task ExpectPairsAsync(Condition[] all)
    {
        foreach (var (one, other) in all.SelectMany((one, i) => all.Skip(i + 1).Where(other => !IsOfOneParameter(one.Filter, other.Filter)).Select(other => (one, other))))
        {
            await ExpectAsync([one, other]);
        }
    }

    /// <summary>The first page, the second, and one from the middle on, of what meets all of these: behind the second there are still more than a page may read.</summary>
    private async Task ExpectAsync(Condition[] conditions)
    {
        var what = string.Join(" + ", conditions.Select(one => one.Name));
        var filter = conditions.Select(one => one.Filter).Aggregate(new ReleaseFilter { Limit = PageSize }, Together);
        Release[] expected = [.. store.Releases.Where(row => conditions.All(one => one.IsMetBy(row)))];
        await ExpectAsync(filter, expected, conditions, what + ", first page");
        if (expected.Length > PageSize)
        {
            await ExpectAsync(filter with { Before = expected[PageSize - 1].Id }, expected[PageSize..], conditions, what + ", second page");
        }

        if (expected.Length > 1)
        {
            var middle = expected.Length / 2;
            await ExpectAsync(filter with { Before = expected[middle - 1].Id }, expected[middle..], conditions, what + ", deep page");
        }
    }

    private async Task ExpectAsync(ReleaseFilter filter, Release[] expected, Condition[] conditions, string what)
    {
        store.Plans.Begin();
        var page = await store.History.Queries.ReleasesAsync(filter, Token);

        page.Items.Select(row => row.Id).ShouldBe(expected.Take(filter.Limit).Select(row => row.Id), what);
        ExpectNoWholeTable(what);
        store.Plans.Taken.SelectMany(PlanRecorder.LookUps).ShouldAllBe(line => line.Contains("id=?", StringComparison.Ordinal), what + ": what is looked up for each release is found by its key");
        string[] indices = [.. conditions.Select(one => one.Index).OfType<string>()];
        // Of what nearly every row meets, as of none, the key itself is as good an index.
        string[] key = indices.Length == 0 || expected.Length > PlanStore.Alike / 4 ? ["pk_releases", "sqlite_autoindex_releases_1"] : [];
        store.Plans.Taken.ShouldContain(
            plan => indices.Concat(key).Any(index => plan.Contains(index, StringComparison.Ordinal)), $"{what}:\n{string.Join("\n\n", store.Plans.Taken)}");
    }

    private void ExpectNoWholeTable(string what) =>
        store.Plans.Taken.SelectMany(PlanRecorder.WholeTables).Where(line => !line.Contains(Workers, StringComparison.Ordinal)).ShouldBeEmpty(what);

    private static bool IsWithinIndices(string plan) => plan.Split('\n').All(line =>
        !line.Contains(" Index Scan ", StringComparison.Ordinal) && !line.Contains("Heap Scan", StringComparison.Ordinal)
        && !line.Contains(" USING INDEX ", StringComparison.Ordinal));

    /// <summary>Of two filters by the same parameter one would be lost.</summary>
    private static bool IsOfOneParameter(ReleaseFilter one, ReleaseFilter other) =>
        one.Project is not null && other.Project is not null || one.Ref is not null && other.Ref is not null
        || one.Statuses.Count > 0 && other.Statuses.Count > 0 || one.Image is not null && other.Image is not null;

    private static ReleaseFilter Together(ReleaseFilter one, ReleaseFilter other) => new()
    {
        Project = one.Project ?? other.Project,
        Ref = one.Ref ?? other.Ref,
        Version = one.Version ?? other.Version,
        Commit = one.Commit ?? other.Commit,
        Statuses = one.Statuses.Count > 0 ? one.Statuses : other.Statuses,
        Digest = one.Digest ?? other.Digest,
        Image = one.Image ?? other.Image,
        Since = one.Since ?? other.Since,
        Until = one.Until ?? other.Until,
        Limit = one.Limit,
    };

    /// <param name="Index">The beginning of the name of the one that serves it; null where it bounds the key.</param>
    private sealed record Condition(string Name, ReleaseFilter Filter, Func<Release, bool> IsMetBy, string? Index);
}

public sealed class QueryPlanOnSqlite(SqlitePlanStore store) : QueryPlanTests(store), IClassFixture<SqlitePlanStore>;

public sealed class QueryPlanOnPostgres(PostgresPlanStore store) : QueryPlanTests(store), IClassFixture<PostgresPlanStore>;
