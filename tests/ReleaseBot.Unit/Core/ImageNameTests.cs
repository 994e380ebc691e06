using CsCheck;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

public sealed class ImageNameTests
{
    [Theory]
    [InlineData("v1.2.3", "v1.2.3")]
    [InlineData("feature/login", "feature-login")]
    [InlineData("1.0.0+build.5", "1.0.0_build.5")]
    [InlineData("a@b#c", "a-b-c")]
    [InlineData("ä1", "_1")]
    [InlineData("-x", "_x")]
    [InlineData(".x", "_x")]
    [InlineData("\u202ev1", "_v1")]
    public void A_Name_Is_Made_A_Legal_Tag(string name, string tag) => ImageTag.Legalise(name).ShouldBe(tag);

    [Fact]
    public void Whatever_Git_Allows_Becomes_A_Legal_Tag_If_It_Is_Short_Enough() =>
        Gens.Ref.Sample(gitRef =>
        {
            var tag = ImageTag.Legalise(gitRef.Name);
            return tag.Length == gitRef.Name.Length && ImageTag.IsLegal(tag) == (tag.Length <= ImageTag.MaxLength) && ImageTag.Legalise(tag) == tag;
        });

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData(".a")]
    [InlineData("-a")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("ä")]
    [InlineData("a\n")]
    public void What_The_Grammar_Refuses_Is_No_Tag(string? tag) => ImageTag.IsLegal(tag).ShouldBeFalse();

    [Theory]
    [InlineData("registry.example:5000/team/app:1.4.0", "registry.example:5000", "team/app", "1.4.0")]
    [InlineData("docker.io/acme/shop:latest", "docker.io", "acme/shop", "latest")]
    [InlineData("localhost/app:x", "localhost", "app", "x")]
    [InlineData("[::1]:5000/app:x", "[::1]:5000", "app", "x")]
    public void A_Full_Reference_Is_Read(string text, string host, string name, string tag)
    {
        ImageRef.TryParse(text, out var image).ShouldBeTrue();
        (image.Repository.Host, image.Repository.Name, image.Tag, image.ToString()).ShouldBe((host, name, tag, text));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("app")]
    [InlineData("app:1.4.0")]
    [InlineData("acme/app:1.4.0")]
    [InlineData("registry.example/app")]
    [InlineData("registry.example:5000/app")]
    [InlineData("registry.example/App:1")]
    [InlineData("registry.example/a__b_:1")]
    [InlineData("registry.example/a//b:1")]
    [InlineData("registry.example/app:")]
    [InlineData("registry.example/app:-x")]
    [InlineData("registry.example/app@sha256:abc")]
    [InlineData("registry_example.com/app:1")]
    [InlineData("https://registry.example/app:1")]
    public void What_Implies_A_Part_Or_Breaks_The_Grammar_Is_Refused(string? text) => ImageRef.TryParse(text, out _).ShouldBeFalse();

    [Theory]
    [InlineData("a", true)]
    [InlineData("a/b-c/d--e/f__g/h.i", true)]
    [InlineData("a..b", false)]
    [InlineData("a_-b", false)]
    [InlineData("-a", false)]
    [InlineData("a-", false)]
    [InlineData("A", false)]
    [InlineData("a/", false)]
    [InlineData("a\n", false)]
    public void A_Repository_Has_Distributions_Grammar(string name, bool isLegal) => ImageRepository.IsLegalName(name).ShouldBe(isLegal);

    [Fact]
    public void A_Repository_Has_255_Characters_At_The_Most()
    {
        ImageRepository.IsLegalName(new string('a', 255)).ShouldBeTrue();
        ImageRepository.IsLegalName(new string('a', 256)).ShouldBeFalse();
    }
}
