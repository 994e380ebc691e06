using System.Globalization;
using ReleaseBot.Commands.Client;
using Spectre.Console;

namespace ReleaseBot.Commands;

/// <summary>Releases as a table for people, or one a line with tabs between the columns where another program reads.</summary>
internal static class ReleaseTable
{
    private static readonly string[] Columns = ["Status", "Project", "Ref", "Version", "Images", "Started", "Duration", "Id"];

    public static void Print(IReadOnlyList<ApiRelease> releases, CommandEnvironment environment)
    {
        if (environment.IsTerminal)
        {
            PrintTable(releases, environment);
        }
        else
        {
            PrintLines(releases, environment.Out);
        }
    }

    private static void PrintTable(IReadOnlyList<ApiRelease> releases, CommandEnvironment environment)
    {
        if (releases.Count == 0)
        {
            environment.Out.WriteLine("No releases. Push a protected tag, or ask for one: releasebot publish PROJECT REF");
            return;
        }

        var now = environment.Time.GetUtcNow();
        var table = new Table().Border(TableBorder.Simple).AddColumns([.. Columns.Select(name => new TableColumn(name).NoWrap())]);
        foreach (var release in releases)
        {
            var cells = Cells(release, release.StartedAt is { } started ? TerminalText.Ago(now - started) : "", Duration(release, now) is { } took ? TerminalText.Duration(took) : "");
            table.AddRow(cells.Select((cell, column) => new Text(cell, column == 0 ? StyleOf(release.Status) : Style.Plain)));
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(environment.Out) });
        // An id that is cut off can't be copied: rather let the terminal wrap.
        console.Profile.Width = Math.Max(environment.Width, 160);
        console.Write(table);
    }

    private static void PrintLines(IReadOnlyList<ApiRelease> releases, TextWriter output)
    {
        output.WriteLine(string.Join('\t', Columns).ToLowerInvariant());
        foreach (var release in releases)
        {
            var duration = release is { StartedAt: { } started, FinishedAt: { } finished } ? (finished - started).TotalSeconds.ToString("0", CultureInfo.InvariantCulture) : "";
            output.WriteLine(string.Join('\t', Cells(release, release.StartedAt?.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "", duration)));
        }
    }

    private static string[] Cells(ApiRelease release, string started, string duration) =>
    [
        .. new[]
        {
            release.Status, release.Project.Path, release.Ref.Name, release.Version ?? "", release.Images.Count.ToString(CultureInfo.InvariantCulture),
            started, duration, release.Id,
        }.Select(cell => TerminalText.Clean(cell).Replace('\t', ' ').Replace('\n', ' ')),
    ];

    private static TimeSpan? Duration(ApiRelease release, DateTimeOffset now) =>
        release.StartedAt is { } started && (release.FinishedAt is not null || !release.IsFinal) ? (release.FinishedAt ?? now) - started : null;

    private static Style StyleOf(string status) => status switch
    {
        "published" => new Style(Color.Green),
        "failed" or "rejected" => new Style(Color.Red),
        "canceled" or "superseded" => new Style(Color.Grey),
        _ => new Style(Color.Yellow),
    };
}
