using System.Globalization;

namespace ReleaseBot.Chaos;

/// <summary>What befalls the fleet.</summary>
internal enum Drill
{
    /// <summary>Faults of every kind at random.</summary>
    Chaos,
    BusAway,
    RollingRestart,
}

/// <summary>What is to happen. The same seed makes the same tags, in the same order, and chooses the same faults; when they strike depends on the machine.</summary>
internal sealed record ChaosOptions
{
    public int Releases { get; init; } = 30;

    public int Projects { get; init; } = 4;

    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    public TimeSpan FaultEvery { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Six minutes, or more for many releases, where nothing is asked for; and what RabbitMQ is away for, besides.</summary>
    public TimeSpan Limit
    {
        get => (field > TimeSpan.Zero ? field : TimeSpan.FromSeconds(Math.Max(360, 10 * Releases))) + (Drill == Drill.BusAway ? Away : TimeSpan.Zero);
        init;
    }

    public Drill Drill { get; init; } = Drill.Chaos;

    /// <summary>How long RabbitMQ is away in that drill.</summary>
    public TimeSpan Away { get; init; } = TimeSpan.FromMinutes(10);

    public string? LogFolder { get; init; }

    /// <exception cref="ArgumentException">With words for the caller.</exception>
    public static ChaosOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new ChaosOptions();
        for (var i = 0; i < arguments.Count; i += 2)
        {
            var value = i + 1 < arguments.Count ? arguments[i + 1] : throw new ArgumentException($"{arguments[i]} needs a value.");
            options = arguments[i] switch
            {
                "--releases" => options with { Releases = Number(arguments[i], value) },
                "--projects" => options with { Projects = Number(arguments[i], value) },
                "--seed" => options with { Seed = Number(arguments[i], value) },
                "--fault-every" => options with { FaultEvery = TimeSpan.FromSeconds(Number(arguments[i], value)) },
                "--limit" => options with { Limit = TimeSpan.FromMinutes(Number(arguments[i], value)) },
                "--drill" => options with { Drill = DrillOf(value) },
                "--away" => options with { Away = TimeSpan.FromMinutes(Number(arguments[i], value)) },
                "--keep-logs" => options with { LogFolder = value },
                _ => throw new ArgumentException($"There is no option {arguments[i]}."),
            };
        }

        return options;
    }

    private static Drill DrillOf(string value) => value switch
    {
        "chaos" => Drill.Chaos,
        "bus-away" => Drill.BusAway,
        "rolling-restart" => Drill.RollingRestart,
        _ => throw new ArgumentException($"--drill needs chaos, bus-away or rolling-restart, not {value}."),
    };

    private static int Number(string option, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new ArgumentException($"{option} needs a whole number above 0, not {value}.");
}
