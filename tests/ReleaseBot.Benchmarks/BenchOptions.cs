using System.Globalization;

namespace ReleaseBot.Benchmarks;

/// <summary>What the command line asks for.</summary>
internal sealed record BenchOptions
{
    public const int DefaultRounds = 5;

    /// <summary>Empty: all.</summary>
    public IReadOnlyList<string> Parts { get; init; } = [];

    /// <summary>How often each thing is measured; the things of a part take turns.</summary>
    public int Rounds { get; init; } = DefaultRounds;

    /// <summary>Of the parts that have cases, only those whose name contains this.</summary>
    public string Case { get; init; } = "";

    /// <summary>Just enough to see that the part works: small data, one round. Its figures mean nothing.</summary>
    public bool IsShort { get; init; }

    /// <summary>How many deliveries a bot must have taken before its memory is looked at for the last time, where the rounds make fewer.</summary>
    public int Deliveries { get; init; }

    /// <summary>Where the figures go, as JSON.</summary>
    public string JsonPath { get; init; } = "artifacts/bench.json";

    /// <summary>The published program that is measured, ReleaseBot.dll of a Release build.</summary>
    public string ProgramPath { get; init; } = Path.Combine(AppContext.BaseDirectory, "ReleaseBot.dll");

    /// <summary>What to type to have the same measured again: all of the command line but where the program is and where the figures go.</summary>
    public IReadOnlyList<string> Asked { get; init; } = [];

    public bool IsWanted(string @case) => @case.Contains(Case, StringComparison.Ordinal);

    /// <exception cref="ArgumentException">It chooses none of these.</exception>
    public void ExpectCase(IReadOnlyCollection<string> cases)
    {
        if (Case.Length > 0 && !cases.Any(IsWanted))
        {
            throw new ArgumentException($"--case {Case}: no case of these parts has that in its name. Cases: {string.Join(", ", cases)}.");
        }
    }

    /// <exception cref="ArgumentException">It is none.</exception>
    public static BenchOptions Parse(IReadOnlyList<string> arguments, IReadOnlyCollection<string> known)
    {
        var options = new BenchOptions();
        for (var i = 0; i < arguments.Count; i++)
        {
            options = arguments[i] switch
            {
                "--short" => options with { IsShort = true, Rounds = 1 },
                "--rounds" => options with { Rounds = Count("--rounds", Value(arguments, ref i)) },
                "--case" => options with { Case = Value(arguments, ref i) },
                "--deliveries" => options with { Deliveries = Count("--deliveries", Value(arguments, ref i)) },
                "--json" => options with { JsonPath = Value(arguments, ref i) },
                "--program" => options with { ProgramPath = Path.GetFullPath(Value(arguments, ref i)) },
                var part when known.Contains(part) => options with { Parts = [.. options.Parts, part] },
                var other => throw new ArgumentException($"There is no part or option {other}. Parts: {string.Join(", ", known)}."),
            };
        }

        return options with { Asked = [.. arguments.Where((argument, i) => !IsPlace(argument) && (i == 0 || !IsPlace(arguments[i - 1])))] };
    }

    private static bool IsPlace(string argument) => argument is "--json" or "--program";

    private static string Value(IReadOnlyList<string> arguments, ref int i) =>
        ++i < arguments.Count ? arguments[i] : throw new ArgumentException($"{arguments[i - 1]} needs a value.");

    private static int Count(string option, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0
            ? count
            : throw new ArgumentException($"{option} {text}: a whole number above 0 is needed.");
}
