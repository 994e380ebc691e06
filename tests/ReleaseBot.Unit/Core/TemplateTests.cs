using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

public sealed class TemplateTests
{
    private static readonly ObjectId Commit = ObjectId.Parse("0123456789abcdef0123456789abcdef01234567");

    [Theory]
    [InlineData("{tag}", "v1.2.3-rc.1_5")]
    [InlineData("{version}", "1.2.3-rc.1+5")]
    [InlineData("{major}.{minor}", "1.2")]
    [InlineData("{patch}-{prerelease}", "3-rc.1")]
    [InlineData("x{sha}y", "x0123456789abcdef0123456789abcdef01234567y")]
    [InlineData("{short_sha}", "01234567")]
    [InlineData("{date:yyyyMMdd}", "20251231")]
    [InlineData("{date:yyyy-MM-ddTHH:mm}", "2025-12-31T23:30")]
    [InlineData("{project.path}", "acme/team/shop")]
    [InlineData("{project.name}", "shop")]
    [InlineData("{project.namespace}", "acme/team")]
    [InlineData("latest", "latest")]
    [InlineData("", "")]
    public void Each_Name_Stands_For_Its_Value(string template, string expected) =>
        Template.Parse(template).Expand(Facts(GitRef.Tag("v1.2.3-rc.1+5")), out _).ShouldBe(expected);

    [Theory]
    [InlineData("{branch}", "branch")]
    [InlineData("{tag}-{branch}", "branch")]
    public void A_Tag_Has_No_Branch(string template, string missing)
    {
        Template.Parse(template).Expand(Facts(GitRef.Tag("v1.0.0")), out var name).ShouldBeNull();
        name.ShouldBe(missing);
    }

    [Theory]
    [InlineData("{version}")]
    [InlineData("{major}")]
    [InlineData("{prerelease}")]
    public void A_Branch_Has_No_Version(string template) =>
        Template.Parse(template).Expand(Facts(GitRef.Branch("1.2.3")), out _).ShouldBeNull();

    [Theory]
    [InlineData("{tg}")]
    [InlineData("{Tag}")]
    [InlineData("{}")]
    [InlineData("{tag")]
    [InlineData("tag}")]
    [InlineData("{{tag}}")]
    [InlineData("{date}")]
    [InlineData("{date:}")]
    [InlineData("{date:yyyy'MM}")]
    [InlineData("{tag:x}")]
    [InlineData("{date:FORMAT")]
    public void What_Is_No_Template_Is_Refused_With_The_Reason(string text)
    {
        Template.TryParse(text, out _, out var error).ShouldBeFalse();
        error.ShouldNotBeNullOrWhiteSpace();
        Should.Throw<FormatException>(() => Template.Parse(text)).Message.ShouldBe(error);
    }

    [Theory]
    [InlineData("{tag}", true, false)]
    [InlineData("{version}", true, false)]
    [InlineData("{major}.{minor}.{patch}", true, false)]
    [InlineData("edge-{sha}", true, true)]
    [InlineData("{short_sha}", true, true)]
    [InlineData("{major}.{minor}", false, false)]
    [InlineData("latest", false, false)]
    [InlineData("{date:yyyyMMdd}", false, false)]
    [InlineData("{branch}", false, false)]
    public void A_Template_Says_Whether_It_Names_One_Version_For_Ever(string template, bool ofTag, bool ofBranch)
    {
        Template.Parse(template).CarriesWholeVersion(RefKind.Tag).ShouldBe(ofTag);
        Template.Parse(template).CarriesWholeVersion(RefKind.Branch).ShouldBe(ofBranch);
    }

    private static TemplateFacts Facts(GitRef gitRef) => new()
    {
        Ref = gitRef,
        Commit = Commit,
        CommittedAt = new DateTimeOffset(2026, 1, 1, 1, 30, 0, TimeSpan.FromHours(2)),
        ProjectPath = "Acme/Team/Shop",
        Version = gitRef.Kind == RefKind.Tag && SemanticVersion.TryParseTag(gitRef.Name, out var version) ? version : null,
    };
}
