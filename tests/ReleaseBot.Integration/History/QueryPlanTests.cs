using System.Data.Common;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>
/// The database's own plan for each filter of the releases' list, over some thousand rows: it follows an index and reads no whole table.
/// </summary>
public abstract partial class QueryPlanTests(IDatabases databases) : IAsyncLifetime
{
    private const int Rows = 6000;
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PlanRecorder _plans = new();
    private HistoryHost? _history;

    public static TheoryData<string> Filters { get; } = [.. Cases.Keys];

    private static Dictionary<string, (ReleaseFilter Filter, string Index)> Cases => new()
    {
        ["page"] = (new ReleaseFilter { Before = Guid.CreateVersion7(Now.AddMilliseconds(Rows / 2)) }, "releases"),
        ["project id"] = (new ReleaseFilter { Project = "17" }, "ix_releases_project_id_id"),
        ["project path"] = (new ReleaseFilter { Project = "Acme/App-17" }, "ix_releases_lower_project_path_id"),
        ["ref"] = (new ReleaseFilter { Ref = "v1.0.77" }, "ix_releases_ref_name_id"),
        ["full ref"] = (new ReleaseFilter { Ref = "refs/tags/v1.0.77" }, "ix_releases_ref_name_id"),
        ["version"] = (new ReleaseFilter { Version = "1.0.77" }, "ix_releases_version_id"),
        ["commit"] = (new ReleaseFilter { Commit = "00000e1" }, "ix_releases_commit"),
        ["status"] = (new ReleaseFilter { Statuses = [ReleaseStatus.Failed] }, "ix_releases_status_id"),
        ["statuses"] = (new ReleaseFilter { Statuses = [ReleaseStatus.Failed, ReleaseStatus.Rejected] }, "ix_releases_status_id"),
        ["digest"] = (new ReleaseFilter { Digest = DigestOf(77) }, "ix_release_images_digest_release_id"),
        ["image"] = (new ReleaseFilter { Image = "registry.example/app-77:v77" }, "ix_release_images_reference_release_id"),
        ["repository"] = (new ReleaseFilter { Image = "registry.example/app-17" }, "ix_release_images_host_repository_release_id"),
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _history = await databases.CreateAsync(_plans, Token);
        await _history.Database.WriteAsync(
            async (context, token) =>
            {
                context.ChangeTracker.AutoDetectChangesEnabled = false;
                for (var number = 0; number < Rows; number++)
                {
                    var row = Samples.Queued(number, number % 100, Now);
                    row.Status = number % 50 == 0 ? ReleaseStatus.Failed : number % 51 == 0 ? ReleaseStatus.Rejected : ReleaseStatus.Published;
                    context.Releases.Add(row);
                    var image = Samples.Image(row.Id, 0, $"app-{number % 100}", $"v{number}", DigestOf(number));
                    image.Status = ImageStatus.Pushed;
                    context.ReleaseImages.Add(image);
                }

                return await context.SaveChangesAsync(token);
            },
            Token);
        await _history.Database.ReadAsync((context, token) => context.Database.ExecuteSqlRawAsync("ANALYZE", token), Token);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_history is not null)
        {
            await _history.DisposeAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Filters))]
    public async Task A_Filter_Follows_Its_Index(string name)
    {
        var (filter, index) = Cases[name];
        _plans.Begin();
        var page = await _history!.Queries.ReleasesAsync(filter, Token);

        page.Items.ShouldNotBeEmpty();
        var plan = _plans.Taken[0];
        plan.ShouldContain(index);
        WholeTable(plan).ShouldBeEmpty(plan);
    }

    [Fact]
    public async Task A_Claim_Looks_At_What_Is_Active_Only()
    {
        _plans.Begin();
        (await _history!.Runs.ClaimAsync("worker", engine: null, TimeSpan.FromSeconds(30), Token)).ShouldBeNull();
        (await _history.Verification.ClaimAsync("web", TimeSpan.FromSeconds(30), Token)).ShouldBeNull();

        (await _history.Queries.ActiveAsync(50, Token)).ShouldBeEmpty();

        _plans.Taken.Count.ShouldBe(3);
        _plans.Taken.ShouldAllBe(plan => plan.Contains("ix_releases_", StringComparison.Ordinal));
        WholeTable(string.Join('\n', _plans.Taken)).ShouldBeEmpty(string.Join('\n', _plans.Taken));
    }

    /// <summary>The lines of a plan that read a table of releases or images from end to end without an index.</summary>
    private static IEnumerable<string> WholeTable(string plan) => plan.Split('\n').Where(line =>
        line.Contains("Seq Scan on release", StringComparison.Ordinal)
        || line.StartsWith("SCAN r", StringComparison.Ordinal) && !line.Contains("USING", StringComparison.Ordinal)
            // What a co-routine yields is a page and one at the most, not a table.
            && !plan.Contains($"CO-ROUTINE {line["SCAN ".Length..]}", StringComparison.Ordinal));

    private static string DigestOf(int number) => "sha256:" + number.ToString("x64", null);

    /// <summary>Has the database explain every SELECT on releases before it runs.</summary>
    private sealed partial class PlanRecorder : DbCommandInterceptor
    {
        private bool _isOn;

        public List<string> Taken { get; } = [];

        public void Begin()
        {
            Taken.Clear();
            _isOn = true;
        }

        public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            if (_isOn && ReadsReleases().IsMatch(command.CommandText))
            {
                Taken.Add(await ExplainAsync(command, eventData.Context!.Database.IsSqlite(), cancellationToken));
            }

            return result;
        }

        [GeneratedRegex("FROM \"?releases")]
        private static partial Regex ReadsReleases();

        private static async Task<string> ExplainAsync(DbCommand command, bool isSqlite, CancellationToken cancellationToken)
        {
            var sql = command.CommandText;
            try
            {
                // Some thousand rows are read faster from end to end than by sixty look-ups; the plan that counts is the one for millions.
                command.CommandText = isSqlite ? "SELECT 1" : "SET enable_seqscan = off";
                await command.ExecuteNonQueryAsync(cancellationToken);
                command.CommandText = (isSqlite ? "EXPLAIN QUERY PLAN " : "EXPLAIN ") + sql;
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                List<string> lines = [];
                while (await reader.ReadAsync(cancellationToken))
                {
                    lines.Add(reader.GetString(isSqlite ? 3 : 0));
                }

                return string.Join('\n', lines);
            }
            finally
            {
                command.CommandText = sql;
            }
        }
    }
}

public sealed class QueryPlanOnSqlite() : QueryPlanTests(new SqliteDatabases());

public sealed class QueryPlanOnPostgres(PostgresServer server) : QueryPlanTests(new PostgresDatabases(server));
