using System.Globalization;
using System.Text.Json.Nodes;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Publish;

/// <summary>How long the stages of releases took, by the history's own word, and those of a script by its own.</summary>
internal sealed class StageTimes
{
    private readonly Dictionary<string, Samples> _stages = [];

    /// <summary>In the order of a release.</summary>
    public IEnumerable<(string Stage, Samples Times)> All => _stages.Select(stage => (stage.Key, stage.Value));

    public string LastRelease { get; private set; } = "";

    public void Add(JsonNode release)
    {
        LastRelease = release["id"]!.GetValue<string>();
        foreach (var stage in release["stages"]!.AsArray())
        {
            // What tells of a release begins when it is over.
            if (stage!["name"]!.GetValue<string>() is var name && name != "notify" && Time(stage, "startedAt") is { } from && Time(stage, "finishedAt") is { } to)
            {
                Add(name, to - from);
            }
        }
    }

    /// <summary>Of a script, which prints <c>stage NAME MICROSECONDS</c> when it has done one.</summary>
    public void AddFrom(string output)
    {
        foreach (var words in output.Split('\n').Select(line => line.Split(' ')))
        {
            if (words is ["stage", var name, var microseconds])
            {
                Add(name.Replace('-', ' '), TimeSpan.FromMicroseconds(long.Parse(microseconds, CultureInfo.InvariantCulture)));
            }
        }
    }

    private void Add(string stage, TimeSpan took)
    {
        if (!_stages.TryGetValue(stage, out var times))
        {
            _stages[stage] = times = new Samples();
        }

        times.Add(took);
    }

    private static DateTimeOffset? Time(JsonNode stage, string name) =>
        stage[name]?.GetValue<string>() is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) : null;
}
