using System.Globalization;
using CsCheck;
using ReleaseBot.Parts;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>
/// Random versions, failures, crashes, moves and retractions by operators, with one worker at releases and one at wishes, step by step in any
/// order, over the real store. When all is done, every floating tag is where the model has it. RELEASEBOT_RUNS has more of it than CI does.
/// </summary>
public abstract class TagModelTests(IDatabases databases, int games, int gamesOnRegistries) : HistoryTest(databases)
{
    private static readonly string[] Versions =
    [
        "0.1.0", "0.2.0", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "1.1.1-beta", "1.2.0", "2.0.0-alpha", "2.0.0", "2.0.1", "2.1.0", "10.0.0",
    ];

    [Fact]
    public Task Floating_Tags_End_Where_The_Model_Has_Them() => PlayAsync(() => new ImaginedRegistry(), games);

    [Fact]
    public async Task Floating_Tags_Of_Two_Real_Registries_End_Where_The_Model_Has_Them()
    {
        await using var first = await DockerRegistry.StartAsync(new DockerRegistryOptions(), Token);
        await using var second = await DockerRegistry.StartAsync(new DockerRegistryOptions(), Token);
        using RealRegistries registries = new(first, second);
        await PlayAsync(() => registries, gamesOnRegistries);
    }

    private Task PlayAsync(Func<IGameRegistries> registries, int count) =>
        Gen.Select(Gen.Shuffle(Versions), Gen.Int[0, 999].Array[10, 120]).SampleAsync(
            async (versions, dice) => await new TagGame(History, registries(), versions, dice, Token).PlayAsync(), iter: Runs(count), threads: 1,
            print: sample => $"{string.Join(' ', sample.Item1)} | {string.Join(' ', sample.Item2)}");

    private static int Runs(int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable("RELEASEBOT_RUNS"), CultureInfo.InvariantCulture, out var runs) ? runs : fallback;
}

public sealed class TagModelOnSqlite() : TagModelTests(SqliteDatabases.InMemory, 200, 10);

public sealed class TagModelOnPostgres(PostgresServer server) : TagModelTests(new PostgresDatabases(server), 20, 6);
