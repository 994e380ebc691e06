using System.Globalization;
using CsCheck;
using ReleaseBot.Parts;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>
/// Random versions, failures, kills, sleepers, strays, moves and retractions by operators, with three workers at releases and three at wishes that run
/// the program's own code, call by call in any order. Each decision, and where every floating tag is in the end, is compared with a model.
/// CI plays the same games each time, so that a change is judged by what it changed; RELEASEBOT_RUNS plays as many others, and makes the lost one smaller.
/// </summary>
public abstract class TagModelTests(IDatabases databases, int games, int gamesOnRegistries) : HistoryTest(databases)
{
    private static readonly string[] Versions =
    [
        "0.1.0", "0.2.0", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "1.1.1-beta", "1.2.0", "2.0.0-alpha", "2.0.0", "2.0.1", "2.1.0", "10.0.0",
    ];

    [Fact]
    public async Task Floating_Tags_End_Where_The_Model_Has_Them()
    {
        using ImaginedRegistry registry = new();
        await PlayAsync(registry, games, longest: 150);
    }

    [Fact]
    public async Task Floating_Tags_Of_Two_Real_Registries_End_Where_The_Model_Has_Them()
    {
        await using var first = await DockerRegistry.StartAsync(new DockerRegistryOptions(), Token);
        await using var second = await DockerRegistry.StartAsync(new DockerRegistryOptions(), Token);
        using RealRegistries registries = new(first, second);
        await PlayAsync(registries, gamesOnRegistries, longest: 40);
    }

    private async Task PlayAsync(IGameRegistries registries, int count, int longest)
    {
        List<GameWorker> workers = [.. Enumerable.Range(0, 6).Select(number => new GameWorker(
            number % 2 == 0 ? $"releaser {number / 2}" : $"wisher {number / 2}", number % 2 == 0, History, registries))];
        try
        {
            // Off the test's own thread, whose context would make each call a hop.
            await Task.Run(() => SampleAsync(async (versions, dice) => await new TagGame(History, registries, workers, versions, dice, Token).PlayAsync()), Token);
        }
        finally
        {
            foreach (var worker in workers)
            {
                await worker.DisposeAsync();
            }
        }

        async Task SampleAsync(Func<string[], int[], Task> play)
        {
            var games = Gen.Select(Gen.Shuffle(Versions), Gen.Int[0, 9999].Array[10, longest]);
            if (int.TryParse(Environment.GetEnvironmentVariable("RELEASEBOT_RUNS"), CultureInfo.InvariantCulture, out var runs))
            {
                await games.SampleAsync(async (versions, dice) => await play(versions, dice), iter: runs, threads: 1, print: Print);
                return;
            }

            PCG random = new(stream: 1, seed: 20);
            for (var game = 1; game <= count; game++)
            {
                var sample = games.Generate(random, null, out _);
                try
                {
                    await play(sample.Item1, sample.Item2);
                }
                catch (Exception exception)
                {
                    throw new InvalidOperationException($"Game {game} was lost: {Print(sample)}", exception);
                }
            }
        }

        static string Print((string[] Versions, int[] Dice) game) => $"{string.Join(' ', game.Versions)} | {string.Join(' ', game.Dice)}";
    }
}

public sealed class TagModelOnSqlite() : TagModelTests(SqliteDatabases.InMemory, 60, 5);

public sealed class TagModelOnPostgres(PostgresServer server) : TagModelTests(new PostgresDatabases(server), 15, 4);
