using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

public abstract class ProjectTests(IDatabases databases) : HistoryTest(databases)
{
    [Fact]
    public async Task A_Project_Is_Its_Id_And_Its_Path_May_Change()
    {
        await History.Projects.EnsureAsync(7, "acme/old", "https://gitlab.example/acme/old", Token);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => History.Projects.EnsureAsync(7, "acme/new", null, Token)));

        var project = (await History.Projects.AllAsync(Token)).ShouldHaveSingleItem();
        (project.Path, project.Url).ShouldBe(("acme/new", "https://gitlab.example/acme/old"));
    }

    [Fact]
    public async Task Many_Who_Meet_A_Project_At_Once_Make_It_Known_Once()
    {
        await using var other = History.Neighbour();
        await Task.WhenAll(Enumerable.Range(0, 12).Select(number => (number % 2 == 0 ? History : other).Projects.EnsureAsync(7, "acme/app", null, Token)));

        (await History.Projects.AllAsync(Token)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Only_What_Is_Neither_Baseline_Nor_Release_Is_Unknown()
    {
        await History.Projects.EnsureAsync(7, "acme/app-7", null, Token);
        await History.Projects.SetBaselineAsync(7, Second(1), Second(2), [("v1", Object(1).Value), ("v2", Object(2).Value), ("v2", Object(2).Value)], Token);
        await History.Projects.SetBaselineAsync(7, Second(1), Second(2), [("v9", Object(9).Value)], Token);
        await AcceptAsync(7, GitRef.Tag("v3"), Object(3));
        await AcceptAsync(8, GitRef.Tag("v4"), Object(4));
        await AcceptAsync(7, GitRef.Branch("v5"), Object(5));
        List<(string, string)> many = [.. Enumerable.Range(100, 450).Select(number => ($"w{number}", Object(number).Value))];

        var unknown = await History.Projects.UnknownTagsAsync(
            7,
            [
                ("v1", Object(1).Value), ("v2", Object(22).Value), ("v3", Object(3).Value), ("v3", Object(33).Value), ("v4", Object(4).Value),
                ("v5", Object(5).Value), ("v9", Object(9).Value), .. many,
            ],
            Token);

        unknown.Take(5).ShouldBe([("v2", Object(22).Value), ("v3", Object(33).Value), ("v4", Object(4).Value), ("v5", Object(5).Value), ("v9", Object(9).Value)]);
        unknown.Skip(5).ShouldBe(many);
        (await History.Projects.AllAsync(Token)).Single(project => project.Id == 7).BaselineAt.ShouldNotBeNull();
        var (looked, next) = (Second(1), Second(2));
        await History.Projects.MarkLookedAtAsync(7, looked, next, Token);
        await History.Projects.MarkHooksSeenAsync(7, Second(3), Token);
        var project = (await History.Projects.AllAsync(Token)).Single(project => project.Id == 7);
        (project.ReconciledAt, project.NextLookAt, project.NextHooksAt).ShouldBe((looked, next, Second(3)));
    }

    private static DateTimeOffset Second(int number) => DateTimeOffset.UnixEpoch.AddYears(50).AddSeconds(number);

    [Fact]
    public async Task The_Migrations_Make_The_Model_And_Nothing_Is_Pending()
    {
        (await History.Database.PendingMigrationsAsync(Token)).ShouldBeEmpty();
        (await History.Database.ReadAsync((context, _) => Task.FromResult(context.Database.HasPendingModelChanges()), Token)).ShouldBeFalse();
        await History.Database.MigrateAsync(Token);
        await History.Database.PingAsync(Token);
    }
}

public sealed class ProjectOnSqlite() : ProjectTests(new SqliteDatabases())
{
    [Fact]
    public async Task A_Process_That_Was_Killed_While_It_Migrated_Does_Not_Stop_The_Next_One()
    {
        var folder = Directory.CreateTempSubdirectory("rb-history-").FullName;
        await using var host = SqliteDatabases.Open(folder, new FakeTimeProvider(), () => SqliteDatabases.RemoveAsync(folder));
        await host.Database.WriteAsync(
            (context, token) => context.Database.ExecuteSqlRawAsync(
                """CREATE TABLE "__EFMigrationsLock" ("Id" INTEGER NOT NULL PRIMARY KEY, "Timestamp" TEXT NOT NULL); INSERT INTO "__EFMigrationsLock" VALUES (1, '2026-01-01 00:00:00+00:00')""",
                token),
            Token);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System);

        await host.Database.MigrateAsync(limit.Token);

        (await host.Database.PendingMigrationsAsync(Token)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Commit_Is_Synced_And_Readers_Do_Not_Wait_For_The_Writer()
    {
        (await PragmaAsync("journal_mode")).ShouldBe("wal");
        (await PragmaAsync("synchronous")).ShouldBe("2");
    }

    private Task<string> PragmaAsync(string name) => History.Database.ReadAsync(
        async (context, token) =>
        {
            await context.Database.OpenConnectionAsync(token);
            await using var command = context.Database.GetDbConnection().CreateCommand();
            command.CommandText = $"PRAGMA {name}";
            return Convert.ToString(await command.ExecuteScalarAsync(token), System.Globalization.CultureInfo.InvariantCulture)!;
        },
        Token);
}

public sealed class ProjectOnPostgres(PostgresServer server) : ProjectTests(new PostgresDatabases(server));
