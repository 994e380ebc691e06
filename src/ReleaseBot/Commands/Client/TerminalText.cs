using System.Globalization;

namespace ReleaseBot.Commands.Client;

/// <summary>Text for a terminal.</summary>
internal static class TerminalText
{
    /// <summary>Without control characters, tabs and line breaks apart: a build log is written by whoever wrote the Dockerfile, and must not steer the terminal.</summary>
    public static string Clean(string text) =>
        text.AsSpan().IndexOfAnyInRange('\0', '\x1f') < 0 && text.AsSpan().IndexOfAnyInRange('\x7f', '\x9f') < 0
            ? text
            : string.Concat(text.Where(c => !char.IsControl(c) || c is '\n' or '\t'));

    /// <summary>The two largest units, e.g. <c>2m 5s</c>.</summary>
    public static string Duration(TimeSpan duration) => (duration < TimeSpan.Zero ? TimeSpan.Zero : duration) switch
    {
        { TotalSeconds: < 60 } span => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalSeconds}s"),
        { TotalMinutes: < 60 } span => $"{span.Minutes}m {span.Seconds}s",
        { TotalHours: < 24 } span => $"{span.Hours}h {span.Minutes}m",
        var span => $"{span.Days}d {span.Hours}h",
    };

    /// <summary>The largest unit, e.g. <c>5m ago</c>.</summary>
    public static string Ago(TimeSpan span) => span.TotalSeconds < 5 ? "just now" : $"{Duration(span).Split(' ')[0]} ago";
}
