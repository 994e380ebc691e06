using CsCheck;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

public sealed class SemanticVersionTests
{
    /// <summary>The lists that semver.org's own regular expression is tested with (semver/semver issue 232, regex101.com/r/vkijKf).</summary>
    public static TheoryData<string> Valid { get; } =
    [
        "0.0.4", "1.2.3", "10.20.30", "1.1.2-prerelease+meta", "1.1.2+meta", "1.1.2+meta-valid", "1.0.0-alpha", "1.0.0-beta", "1.0.0-alpha.beta",
        "1.0.0-alpha.beta.1", "1.0.0-alpha.1", "1.0.0-alpha0.valid", "1.0.0-alpha.0valid",
        "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay", "1.0.0-rc.1+build.1", "2.0.0-rc.1+build.123", "1.2.3-beta", "10.2.3-DEV-SNAPSHOT",
        "1.2.3-SNAPSHOT-123", "1.0.0", "2.0.0", "1.1.7", "2.0.0+build.1848", "2.0.1-alpha.1227", "1.0.0-alpha+beta",
        "1.2.3----RC-SNAPSHOT.12.9.1--.12+788", "1.2.3----R-S.12.9.1--.12+meta", "1.2.3----RC-SNAPSHOT.12.9.1--.12", "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
        "99999999999999999999999.999999999999999999.99999999999999999", "1.0.0-0A.is.legal",
    ];

    public static TheoryData<string> Invalid { get; } =
    [
        "1", "1.2", "1.2.3-0123", "1.2.3-0123.0123", "1.1.2+.123", "+invalid", "-invalid", "-invalid+invalid", "-invalid.01", "alpha", "alpha.beta",
        "alpha.beta.1", "alpha.1", "alpha+beta", "alpha_beta", "alpha.", "alpha..", "beta", "1.0.0-alpha_beta", "-alpha.", "1.0.0-alpha..",
        "1.0.0-alpha..1", "1.0.0-alpha...1", "1.0.0-alpha....1", "01.1.1", "1.01.1", "1.1.01", "1.2.3.DEV", "1.2-SNAPSHOT",
        "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788", "1.2-RC-SNAPSHOT", "-1.0.3-gamma+b7718", "+justmeta", "9.8.7+meta+meta", "9.8.7-whatever+meta+meta",
        "99999999999999999999999.999999999999999999.99999999999999999----RC-SNAPSHOT.12.09.1--------------------------------..12",
        "", " 1.2.3", "1.2.3 ", "1.2.3\n", "١.٢.٣", "1.2.3-ä", "v1.2.3",
    ];

    [Theory]
    [MemberData(nameof(Valid))]
    public void A_Valid_Version_Is_Read_And_Written_The_Same(string text)
    {
        SemanticVersion.TryParse(text, out var version).ShouldBeTrue();
        version.ToString().ShouldBe(text);
        SemanticVersion.TryParseTag("v" + text, out var tagged).ShouldBeTrue();
        tagged.ShouldBe(version);
    }

    [Theory]
    [MemberData(nameof(Invalid))]
    public void An_Invalid_Version_Is_None(string text) => SemanticVersion.TryParse(text, out _).ShouldBeFalse();

    [Theory]
    [InlineData("V1.2.3")]
    [InlineData("vv1.2.3")]
    [InlineData("release-1.2.3")]
    [InlineData("v1.2")]
    [InlineData("v")]
    [InlineData("")]
    [InlineData(null)]
    public void A_Tag_That_Is_Not_Strict_Has_No_Version(string? name) => SemanticVersion.TryParseTag(name, out _).ShouldBeFalse();

    [Fact]
    public void The_Precedence_Is_The_Specifications()
    {
        string[] chain =
        [
            "0.0.1", "0.1.0", "1.0.0-0", "1.0.0-2", "1.0.0-11", "1.0.0-99999999999999999999999", "1.0.0--", "1.0.0-Z", "1.0.0-alpha", "1.0.0-alpha.1",
            "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "2.9.0", "2.10.0",
            "99999999999999999999.0.0",
        ];
        var versions = chain.Select(Gens.Parse).ToList();
        for (var i = 0; i < versions.Count; i++)
        {
            for (var j = 0; j < versions.Count; j++)
            {
                Math.Sign(versions[i].CompareTo(versions[j])).ShouldBe(i.CompareTo(j), $"{chain[i]} and {chain[j]}");
            }
        }
    }

    [Fact]
    public void Build_Metadata_Counts_In_Equality_And_Not_In_Precedence()
    {
        Gens.Parse("1.0.0+a").CompareTo(Gens.Parse("1.0.0+b")).ShouldBe(0);
        Gens.Parse("1.0.0+a").ShouldNotBe(Gens.Parse("1.0.0+b"));
    }

    [Fact]
    public void The_Order_Is_Total_Antisymmetric_And_Transitive() =>
        Gen.Select(Gens.Version, Gens.Version, Gens.Version).Sample((a, b, c) =>
            a.CompareTo(a) == 0
            && Math.Sign(a.CompareTo(b)) == -Math.Sign(b.CompareTo(a))
            && (!(a <= b && b <= c) || a <= c)
            && (a.CompareTo(b) != 0 || a with { Build = "" } == b with { Build = "" })
            && (a < b) == (b > a) && (a >= b) == (b <= a));

    [Fact]
    public void Reading_What_Was_Written_Gives_The_Same() =>
        Gens.Version.Sample(version => SemanticVersion.TryParse(version.ToString(), out var again) && again == version);

    [Fact]
    public void Any_Text_Is_Read_Or_Refused_And_Never_Throws() =>
        Gen.OneOf(Gen.String, Gen.String[Gen.OneOf('0', '1', '.', '-', '+', 'a', 'v'), 0, 20])
            .Sample(text => !SemanticVersion.TryParse(text, out var version) || version.ToString() == text);
}
