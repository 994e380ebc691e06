using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace ReleaseBot.Benchmarks.Reporting;

/// <param name="Case">E.g. <c>source change</c>.</param>
/// <param name="Subject">What was measured, e.g. <c>ReleaseBot</c>.</param>
/// <param name="Unit">E.g. <c>s</c>, <c>MB/s</c>, <c>1/s</c>.</param>
/// <param name="Value">The median of the rounds, where there are several.</param>
/// <param name="Rounds">As they were measured; a single one for what is counted once.</param>
internal sealed record Figure(string Part, string Case, string Subject, string Unit, double Value, IReadOnlyList<double> Rounds, Target? Target)
{
    public bool? IsMet => Target?.IsMetBy(Value);
}

/// <summary>Gathers the figures of all parts; a table for people, JSON for programs.</summary>
/// <param name="hasTargets">Not where the figures mean nothing.</param>
internal sealed class BenchReport(bool hasTargets)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly List<Figure> _figures = [];
    private readonly DateTimeOffset _began = TimeProvider.System.GetUtcNow();
    private readonly MachineTimes _times = MachineTimes.Now();

    public IReadOnlyList<Figure> Figures => _figures;

    /// <summary>The median of several rounds.</summary>
    public void Add(string part, string @case, string subject, string unit, Samples samples, Target? target = null) =>
        _figures.Add(new Figure(part, @case, subject, unit, samples.Median, samples.Values, hasTargets ? target : null));

    /// <summary>A figure of its own: a percentile, a size, a count.</summary>
    public void Add(string part, string @case, string subject, string unit, double value, Target? target = null) =>
        _figures.Add(new Figure(part, @case, subject, unit, value, [value], hasTargets ? target : null));

    /// <summary>One median over another, without a unit.</summary>
    public void AddRatio(string part, string @case, string subject, double over, double under, Target? target = null) =>
        Add(part, @case, subject, "x", over / under, target);

    public void Print()
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("part", "case", "what");
        table.AddColumn(new TableColumn("median").RightAligned()).AddColumn("unit");
        table.AddColumn(new TableColumn("least").RightAligned()).AddColumn(new TableColumn("most").RightAligned()).AddColumn("target");
        foreach (var figure in _figures)
        {
            var isSpread = figure.Rounds.Count > 1;
            table.AddRow(
                Markup.Escape(figure.Part), Markup.Escape(figure.Case), Markup.Escape(figure.Subject), Number(figure.Value), Markup.Escape(figure.Unit),
                isSpread ? Number(figure.Rounds.Min()) : "", isSpread ? Number(figure.Rounds.Max()) : "",
                figure.IsMet is { } isMet ? $"{(isMet ? "✓" : "✗")} {figure.Target}" : "");
        }

        // A narrow terminal, or a file, would break the lines.
        AnsiConsole.Profile.Width = 180;
        AnsiConsole.Write(table);
    }

    /// <summary>The figures with the machine that they come from, and how they were asked for.</summary>
    public async Task WriteAsync(string path, IReadOnlyList<string> asked, MachineFacts machine, CancellationToken cancellationToken)
    {
        var report = new
        {
            began = _began,
            minutes = Math.Round((TimeProvider.System.GetUtcNow() - _began).TotalMinutes, 1),
            asked,
            machine,
            stolenPart = Math.Round((MachineTimes.Now() - _times).StolenPart, 4),
            figures = _figures.Select(figure => new { figure.Part, figure.Case, figure.Subject, figure.Unit, figure.Value, figure.Rounds, target = figure.Target?.ToString(), met = figure.IsMet }),
        };
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(report, Json), cancellationToken);
    }

    private static string Number(double value) => Math.Abs(value) switch
    {
        >= 1000 => value.ToString("N0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.###", CultureInfo.InvariantCulture),
    };
}
