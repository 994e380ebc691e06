using System.Text;
using CsCheck;
using ReleaseBot.Core;

namespace ReleaseBot.Unit.Core;

/// <summary>Random domain values.</summary>
internal static class Gens
{
    /// <summary>Names that git allows, with what people put into them: slashes, pluses, dots, umlauts, right-to-left marks, emoji.</summary>
    public static readonly Gen<GitRef> Ref =
        from kind in Gen.Enum<RefKind>()
        from name in Gen.OneOf(
            Gen.OneOf("a", "v", "1", ".", "-", "/", "+", "_", "ä", "@", "🚀", "\u202e", "%", "#", "Z").Array[1, 40].Select(string.Concat),
            Gen.String[Gen.Char[' ', '~'], 1, 130],
            Gen.String[1, 60])
        where GitRef.TryCreate(kind, name, out _)
        select kind == RefKind.Tag ? GitRef.Tag(name) : GitRef.Branch(name);

    public static readonly Gen<ObjectId> Object =
        Gen.Byte.Array[20].Select(bytes => ObjectId.Parse(Convert.ToHexStringLower(bytes)));

    /// <summary>Small numbers, so that versions meet; now and then one that no machine word holds.</summary>
    private static readonly Gen<string> Number = Gen.Frequency(
        (20, Gen.Int[0, 3].Select(number => number.ToString(null, null))),
        (1, Gen.Const("99999999999999999999999999999")));

    private static readonly Gen<string> Prerelease = Gen.Frequency(
        (3, Gen.Const("")),
        (2, Gen.OneOf("alpha", "beta", "rc", "0", "1", "2", "11", "-", "a-1").Array[1, 3].Select(parts => "-" + string.Join('.', parts))));

    public static readonly Gen<SemanticVersion> Version =
        from core in Gen.Select(Number, Number, Number)
        from prerelease in Prerelease
        from build in Gen.OneOf("", "", "", "+1", "+build.5")
        select Parse($"{core.Item1}.{core.Item2}.{core.Item3}{prerelease}{build}");

    public static SemanticVersion Parse(string text) =>
        SemanticVersion.TryParse(text, out var version) ? version : throw new FormatException(text);

    public static string Repeat(string text, int count) => new StringBuilder().Insert(0, text, count).ToString();
}
