using System.Globalization;
using System.Text.RegularExpressions;

namespace ReleaseBot.Configuration;

/// <summary>Sizes in bytes: <c>26214400</c>, decimal units (<c>20GB</c> = 20,000,000,000) or binary ones (<c>20GiB</c> = 21,474,836,480).</summary>
internal static partial class ByteSizes
{
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        if (Grammar().Match(text) is not { Success: true } match)
        {
            return false;
        }

        var unit = match.Groups["unit"].Value.ToUpperInvariant();
        var power = unit.Length == 0 ? 0 : "BKMGT".IndexOf(unit[0], StringComparison.Ordinal);
        var step = unit.Contains('I', StringComparison.Ordinal) ? 1024m : 1000m;
        var size = decimal.Parse(match.Groups["count"].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
        for (; power > 0; power--)
        {
            size *= step;
        }

        if (size > long.MaxValue)
        {
            return false;
        }

        bytes = (long)size;
        return true;
    }

    [GeneratedRegex(@"\A(?<count>[0-9]{1,18}(?:\.[0-9]{1,3})?) ?(?<unit>B|[KMGT]i?B)?\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Grammar();
}
