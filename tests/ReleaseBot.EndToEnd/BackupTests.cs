using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using Npgsql;
using ReleaseBot.EndToEnd.Compose;
using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>docs/operations.md, "Backup and restore": a backup taken while a release runs, and put back after others have been published.</summary>
public sealed class BackupTests(ServiceParts parts) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-backup-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string BackupPath => Path.Combine(_folder.FullName, "copy");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(On.Sqlite)]
    [InlineData(On.Postgres)]
    public async Task Nothing_Is_Published_Twice_And_No_Tag_Is_Missed_After_A_Restore(On on)
    {
        await using var shop = await ReleaseScenario.CreateAsync(parts, Dockerfiles.Slow, on);
        shop.Settings["Reconcile"] = new JsonObject { ["Interval"] = "00:00:05" };
        var database = on == On.Postgres ? shop.Settings["Storage"]!["ConnectionString"]!.GetValue<string>() : null;
        await shop.Bot.StartAsync();
        await shop.PublishAsync("v1.0.0");
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PushTagAsync("v1.1.0");
        await shop.Api.WaitAsync(shop.Path, "v1.1.0", "building", release => release.Status == "building");

        await BackUpAsync(shop, database);

        await shop.WaitForPublishedAsync("v1.1.0");
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PublishAsync("v1.2.0");
        string[] published = ["v1.0.0", "v1.1.0", "v1.2.0"];
        var before = await DigestsAsync(shop, published);
        await shop.Bot.KillAsync();
        await RestoreAsync(shop, database);
        shop.RemoveHooks();
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        await shop.PushTagAsync("v1.3.0");

        await shop.Bot.StartAsync();

        await shop.WaitForPublishedAsync("v1.3.0");
        foreach (var tag in (string[])["v1.1.0", "v1.2.0"])
        {
            var release = await shop.WaitForEndAsync(tag);
            (release.Status, release.Reason?.Code).ShouldBe(("rejected", "version-exists"), tag);
        }

        (await shop.Api.FindAsync(shop.Path, "v1.0.0")).ShouldNotBeNull().Status.ShouldBe("published");
        (await DigestsAsync(shop, published)).ShouldBe(before);
        (await shop.DigestAsync("latest")).ShouldBe(await shop.DigestAsync("v1.3.0"));
        (await shop.Api.ReleasesAsync(shop.Path)).Count.ShouldBe(4);
    }

    private static async Task<IReadOnlyList<string>> DigestsAsync(ReleaseScenario shop, IEnumerable<string> tags)
    {
        List<string> digests = [];
        foreach (var tag in tags)
        {
            digests.Add(await shop.DigestAsync(tag));
        }

        return digests;
    }

    private async Task BackUpAsync(ReleaseScenario shop, string? database)
    {
        if (database is not null)
        {
            await PostgresAsync(database, "pg_dump", "--format", "custom", "--file", BackupPath);
            return;
        }

        // What sqlite3's .backup does.
        await using var from = new SqliteConnection($"Data Source={shop.Bot.DatabasePath};Pooling=False");
        await using var to = new SqliteConnection($"Data Source={BackupPath};Pooling=False");
        await from.OpenAsync(Cancellation);
        await to.OpenAsync(Cancellation);
        from.BackupDatabase(to);
    }

    private async Task RestoreAsync(ReleaseScenario shop, string? database)
    {
        if (database is not null)
        {
            await PostgresAsync(database, "pg_restore", "--clean", "--if-exists", BackupPath);
            return;
        }

        File.Copy(BackupPath, shop.Bot.DatabasePath, overwrite: true);
        File.Delete(shop.Bot.DatabasePath + "-wal");
        File.Delete(shop.Bot.DatabasePath + "-shm");
    }

    private async Task PostgresAsync(string database, string program, params string[] arguments)
    {
        var server = new NpgsqlConnectionStringBuilder(database);
        var path = Directory.GetFiles("/usr/lib/postgresql", program, SearchOption.AllDirectories).Order(StringComparer.Ordinal).Last();
        await CommandLine.RunAsync(
            _folder.FullName, new Dictionary<string, string>(), path,
            ["--host", server.Host!, "--port", server.Port.ToString(CultureInfo.InvariantCulture), "--username", server.Username!, "--dbname", server.Database!, .. arguments]);
    }
}
