using CsCheck;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

public sealed class GitRefTests
{
    [Theory]
    [InlineData("v1.2.3")]
    [InlineData("feature/login")]
    [InlineData("@")]
    [InlineData("@a")]
    [InlineData("a/@")]
    [InlineData("a]")]
    [InlineData("a{b")]
    [InlineData("HEAD")]
    [InlineData("a.lockx")]
    [InlineData("a.b/c")]
    [InlineData("é")]
    [InlineData("🚀")]
    [InlineData("\u202ev1")]
    [InlineData("שלום")]
    public void What_Git_Allows_Is_A_Ref(string name)
    {
        GitRef.TryParse("refs/tags/" + name, out var tag).ShouldBeTrue();
        tag.ShouldBe(GitRef.Tag(name));
        tag.FullName.ShouldBe("refs/tags/" + name);
        GitRef.TryParse("refs/heads/" + name, out var branch).ShouldBeTrue();
        (branch.Kind, branch.Name).ShouldBe((RefKind.Branch, name));
        branch.ShouldNotBe(tag);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-x")]
    [InlineData(".a")]
    [InlineData("a/.b")]
    [InlineData(".lock")]
    [InlineData("a.lock")]
    [InlineData("a.lock/b")]
    [InlineData("a..b")]
    [InlineData("a.")]
    [InlineData("a/b.")]
    [InlineData("a b")]
    [InlineData("a~1")]
    [InlineData("a^")]
    [InlineData("a:b")]
    [InlineData("a?")]
    [InlineData("a*")]
    [InlineData("a[b")]
    [InlineData("a\\b")]
    [InlineData("@{")]
    [InlineData("a@{b")]
    [InlineData("a\u007f")]
    [InlineData("a\nb")]
    [InlineData("a\0b")]
    [InlineData("a\tb")]
    [InlineData("a\u0085b")]
    [InlineData("a//b")]
    [InlineData("/a")]
    [InlineData("a/")]
    public void What_Git_Or_GitLab_Refuses_Is_None(string name)
    {
        GitRef.TryParse("refs/tags/" + name, out _).ShouldBeFalse();
        GitRef.TryCreate(RefKind.Branch, name, out _).ShouldBeFalse();
        Should.Throw<FormatException>(() => GitRef.Tag(name));
    }

    [Fact]
    public void Half_A_Surrogate_Pair_Is_No_Name()
    {
        GitRef.TryCreate(RefKind.Tag, "a" + (char)0xD83D, out _).ShouldBeFalse();
        GitRef.TryCreate(RefKind.Tag, (char)0xDE80 + "a", out _).ShouldBeFalse();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("v1")]
    [InlineData("refs/tags")]
    [InlineData("refs/notes/a")]
    [InlineData("REFS/TAGS/v1")]
    [InlineData("refs/merge-requests/1/head")]
    public void Only_Full_Names_Of_Tags_And_Branches_Are_Read(string? name) => GitRef.TryParse(name, out _).ShouldBeFalse();

    [Fact]
    public void A_Name_Has_255_Bytes_At_The_Most()
    {
        GitRef.TryCreate(RefKind.Tag, new string('a', 255), out _).ShouldBeTrue();
        GitRef.TryCreate(RefKind.Tag, new string('a', 256), out _).ShouldBeFalse();
        GitRef.TryCreate(RefKind.Tag, new string('ä', 127), out _).ShouldBeTrue();
        GitRef.TryCreate(RefKind.Tag, new string('ä', 128), out _).ShouldBeFalse();
    }

    [Fact]
    public void Whatever_Is_Read_Is_Written_The_Same() =>
        Gens.Ref.Sample(gitRef => GitRef.TryParse(gitRef.FullName, out var again) && again == gitRef);

    [Theory]
    [InlineData("v*", "v1.0.0", true)]
    [InlineData("v*", "version-9.1", true)]
    [InlineData("v*", "v", true)]
    [InlineData("v*", "V1", false)]
    [InlineData("*gitlab*", "gitlab/v1", true)]
    [InlineData("production/*", "production/a/b", true)]
    [InlineData("production/*", "production", false)]
    [InlineData("*", "anything/at.all", true)]
    [InlineData("v1.0", "v1.0", true)]
    [InlineData("v1.0", "v1x0", false)]
    [InlineData("v1.0", "xv1.0", false)]
    [InlineData("v?", "v1", false)]
    [InlineData("v[0-9]", "v1", false)]
    [InlineData("(a|b)", "a", false)]
    [InlineData("*-stable", "v1-stable", true)]
    [InlineData("*-stable", "v1-stable-2", false)]
    [InlineData("v*.*", "v1.2", true)]
    [InlineData("v*.*", "v12", false)]
    public void A_Ref_Pattern_Is_GitLabs_Wildcard(string pattern, string name, bool matches) =>
        new RefPattern(pattern).Matches(name).ShouldBe(matches);

    [Fact]
    public void A_Pattern_Of_Many_Stars_Costs_No_Time() =>
        new RefPattern(Gens.Repeat("*a", 60) + "!").Matches(new string('a', 255)).ShouldBeFalse();

    [Theory]
    [InlineData("acme/*", "acme/shop", true)]
    [InlineData("acme/*", "acme/group/shop", false)]
    [InlineData("acme/**", "acme/group/shop", true)]
    [InlineData("acme/**", "acme", false)]
    [InlineData("acme/**", "acmeplus/shop", false)]
    [InlineData("**", "a/b/c", true)]
    [InlineData("**/api", "acme/team/api", true)]
    [InlineData("acme/*-api", "acme/shop-api", true)]
    [InlineData("Acme/Shop", "acme/shop", true)]
    [InlineData("acme/sh.p", "acme/shop", false)]
    public void A_Project_Pattern_Has_Stars_Within_And_Across_Segments(string pattern, string path, bool matches) =>
        new ProjectPathPattern(pattern).Matches(path).ShouldBe(matches);

    [Fact]
    public void Only_A_Pattern_Without_A_Star_Names_One_Project()
    {
        new ProjectPathPattern("acme/shop").IsExact.ShouldBeTrue();
        new ProjectPathPattern("acme/*").IsExact.ShouldBeFalse();
    }

    [Fact]
    public void All_Zeros_Are_No_Object_However_They_Came()
    {
        ObjectId.Parse(new string('0', 40)).ShouldBe(default);
        default(ObjectId).IsZero.ShouldBeTrue();
        ObjectId.Parse(new string('A', 40)).Value.ShouldBe(new string('a', 40));
        ObjectId.TryParse(new string('a', 64), out _).ShouldBeTrue();
        ObjectId.TryParse(new string('a', 39), out _).ShouldBeFalse();
        ObjectId.TryParse(new string('g', 40), out _).ShouldBeFalse();
    }
}
