using System.Globalization;
using System.Text.RegularExpressions;

namespace ReleaseBot.Configuration;

/// <summary>
/// Durations as people write them: <c>00:05:00</c>, <c>24:00:00</c>, <c>90.00:00:00</c> (days first), <c>90s</c>, <c>15m</c>, <c>2h</c>, <c>7d</c>.
/// <see cref="TimeSpan.Parse(string)"/> is not used: it takes <c>24:00:00</c> for 24 days and <c>5</c> for five days.
/// </summary>
internal static partial class Durations
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(36_500);

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var seconds = Clock().Match(text) is { Success: true } clock
            ? (Number(clock, "days") * 86_400) + (Number(clock, "hours") * 3_600) + (Number(clock, "minutes") * 60) + Number(clock, "seconds")
            : Simple().Match(text) is { Success: true } simple ? Number(simple, "count") * UnitSeconds(simple.Groups["unit"].Value) : -1;
        if (seconds < 0 || seconds > (decimal)Longest.TotalSeconds)
        {
            return false;
        }

        duration = TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return true;
    }

    private static decimal Number(Match match, string group) =>
        match.Groups[group] is { Success: true } number ? decimal.Parse(number.ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) : 0;

    private static decimal UnitSeconds(string unit) => unit switch
    {
        "ms" => 0.001m,
        "s" => 1,
        "m" or "min" => 60,
        "h" => 3_600,
        _ => 86_400,
    };

    [GeneratedRegex(@"\A(?:(?<days>[0-9]{1,6})\.)?(?<hours>[0-9]{1,6}):(?<minutes>[0-5][0-9]):(?<seconds>[0-5][0-9](?:\.[0-9]{1,7})?)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Clock();

    [GeneratedRegex(@"\A(?<count>[0-9]{1,12}(?:\.[0-9]{1,6})?) ?(?<unit>ms|s|m|min|h|d)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Simple();
}
