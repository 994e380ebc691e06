using System.Globalization;
using System.Numerics;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>
/// How a floating tag's scope is stored: major, minor and patch separated by commas, each empty where it is not compared: <c>1,2,</c> of <c>1.2</c>.
/// </summary>
internal static class TagScope
{
    public static string Format(FloatingScope scope) =>
        string.Join(',', new[] { scope.Major, scope.Minor, scope.Patch }.Select(number => number?.ToString(CultureInfo.InvariantCulture) ?? ""));

    public static FloatingScope Parse(string? text)
    {
        var numbers = (text ?? ",,").Split(',').Select(part => part.Length == 0 ? (BigInteger?)null : BigInteger.Parse(part, CultureInfo.InvariantCulture)).ToArray();
        return new FloatingScope(numbers[0], numbers[1], numbers[2]);
    }
}
