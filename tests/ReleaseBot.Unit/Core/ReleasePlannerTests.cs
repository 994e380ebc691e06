using CsCheck;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

public sealed class ReleasePlannerTests
{
    private static readonly ObjectId Commit = ObjectId.Parse(new string('c', 40));
    private static readonly string[] Usual = ["{tag}", "{version}", "{major}.{minor}", "{major}", "latest", "edge", "{branch}", "{short_sha}", "{date:yyyyMMdd}", "{prerelease}"];

    [Fact]
    public void A_Stable_Version_Gets_Its_Version_Tags_And_Its_Floating_Ones_With_Their_Scopes()
    {
        var plan = Planned(GitRef.Tag("v1.2.3"), "{tag}", "{version}", "{major}.{minor}", "{major}", "latest");

        Tags(plan).ShouldBe(["v1.2.3 version", "1.2.3 version", "1.2 floating", "1 floating", "latest floating"]);
        plan.Images.Select(image => image.Scope?.ToString()).ShouldBe([null, null, "1.2.x", "1.x", "all versions"]);
        plan.Version!.ToString().ShouldBe("1.2.3");
        plan.Skipped.ShouldBeEmpty();
    }

    [Fact]
    public void A_Pre_Release_Leaves_Out_The_Final_Versions_Tag()
    {
        var plan = Planned(GitRef.Tag("v1.2.3-rc.1"), "{version}", "{major}.{minor}.{patch}", "{major}.{minor}.{patch}-{prerelease}", "latest");

        Tags(plan).ShouldBe(["1.2.3-rc.1 version", "latest floating"]);
        plan.Skipped.ShouldHaveSingleItem().Why.ShouldContain("pre-release");
    }

    [Fact]
    public void A_Zero_Major_Is_Left_Out_And_The_Rest_Stays()
    {
        var plan = Planned(GitRef.Tag("v0.4.1"), "{tag}", "{major}", "{major}.{minor}");

        Tags(plan).ShouldBe(["v0.4.1 version", "0.4 floating"]);
        plan.Skipped.ShouldHaveSingleItem().ShouldBe(new SkippedTag("main", "{major}", "0.x makes no promise of compatibility"));
    }

    [Fact]
    public void What_A_Ref_Has_No_Value_For_Is_Left_Out_With_The_Reason()
    {
        var plan = Planned(GitRef.Tag("nightly"), "{tag}", "{major}.{minor}", "{branch}");

        Tags(plan).ShouldBe(["nightly version"]);
        plan.Skipped.Select(tag => (tag.Template, tag.Why)).ShouldBe([
            ("{major}.{minor}", "refs/tags/nightly has no {major}"), ("{branch}", "refs/tags/nightly has no {branch}")]);
    }

    [Fact]
    public void A_Branch_Gets_Branch_Tags_And_Names_Of_Its_Commit()
    {
        var plan = Planned(GitRef.Branch("feature/a"), "{branch}", "edge", "{tag}", "{short_sha}", "{major}");

        Tags(plan).ShouldBe(["feature-a branch", "edge branch", "cccccccc version"]);
        plan.Version.ShouldBeNull();
        plan.Images.ShouldAllBe(image => image.Scope == null);
    }

    [Fact]
    public void The_Same_Tag_Twice_Is_Planned_Once() =>
        Tags(Planned(GitRef.Tag("1.2.3"), "{tag}", "{version}", "latest", "latest")).ShouldBe(["1.2.3 version", "latest floating"]);

    [Fact]
    public void A_Git_Tag_That_Is_Named_As_A_Floating_Tag_Is_Refused() =>
        Refused(GitRef.Tag("latest"), "{tag}", "latest").Code.ShouldBe(ReasonCode.TagTaken);

    [Fact]
    public void Floating_Tags_Alone_Get_The_Refs_Name_As_A_Name_That_Stays() =>
        Tags(Planned(GitRef.Tag("v1.0.0"), "latest", "{major}")).ShouldBe(["latest floating", "1 floating", "v1.0.0 version"]);

    [Fact]
    public void A_Branch_Needs_No_Name_That_Stays() => Tags(Planned(GitRef.Branch("main"), "edge")).ShouldBe(["edge branch"]);

    [Theory]
    [InlineData("{project.path}/{tag}", "v1")]
    [InlineData("UPPER", "v1")]
    public void A_Repository_Is_Made_Lower_Case(string repository, string tag) =>
        Plan(GitRef.Tag(tag), repository, "{tag}").ShouldBeOfType<PlanResult.Planned>();

    [Theory]
    [InlineData("a//b")]
    [InlineData("a b")]
    [InlineData("acme/")]
    [InlineData("{branch}")]
    public void A_Repository_That_No_Registry_Takes_Is_Refused(string repository) =>
        Plan(GitRef.Tag("v1"), repository, "{tag}").ShouldBeOfType<PlanResult.Refused>().Reason.Code.ShouldBe(ReasonCode.RepositoryInvalid);

    [Fact]
    public void A_Tag_Of_More_Than_128_Characters_Is_Refused()
    {
        Planned(GitRef.Tag(new string('a', 128)), "{tag}").Images.Count.ShouldBe(1);
        Refused(GitRef.Tag(new string('a', 129)), "{tag}").Code.ShouldBe(ReasonCode.TagInvalid);
    }

    [Fact]
    public void A_Ref_That_No_Entry_Has_A_Value_For_Publishes_Nothing()
    {
        var reason = Refused(GitRef.Tag("nightly"), "{version}", "{major}");

        reason.Code.ShouldBe(ReasonCode.NothingToPublish);
        reason.Message.ShouldContain("{version}");
    }

    [Fact]
    public void Build_Args_Are_Filled_In_And_Left_Out_Where_There_Is_No_Value()
    {
        var rule = Rule("app", "{tag}") with
        {
            BuildArgs = new Dictionary<string, Template> { ["VERSION"] = Template.Parse("v{version}"), ["REF"] = Template.Parse("{tag}"), ["FIX"] = Template.Parse("x") },
        };

        Plan(rule, GitRef.Tag("nightly")).ShouldBeOfType<PlanResult.Planned>().Plan.BuildArgs
            .ShouldBe(new Dictionary<string, string> { ["REF"] = "nightly", ["FIX"] = "x" }, ignoreOrder: true);
    }

    [Fact]
    public void The_First_Rule_That_Matches_The_Project_Is_The_Only_One()
    {
        var (first, second) = (Rule("a", "{tag}") with { Path = new ProjectPathPattern("acme/*"), Tags = [new RefPattern("v*")] }, Rule("b", "{tag}"));

        ReleasePlanner.RuleFor("acme/shop", [first, second]).ShouldBe(first);
        ReleasePlanner.RuleFor("other/shop", [first, second]).ShouldBe(second);
        Code(new RefEvent("acme/shop", GitRef.Tag("x1"), false), first, second).ShouldBe(ReasonCode.RefNotMatched);
        Code(new RefEvent("acme/shop", GitRef.Branch("main"), false), first).ShouldBe(ReasonCode.RefNotMatched);
        Code(new RefEvent("other/shop", GitRef.Tag("v1"), false), first).ShouldBe(ReasonCode.NoMatchingProject);
        Code(new RefEvent("acme/shop", GitRef.Tag("v1"), false), first).ShouldBeNull();
        Code(new RefEvent("acme/shop", GitRef.Tag("v1"), true), first).ShouldBe(ReasonCode.RefDeleted);
    }

    [Fact]
    public void Verification_Wants_The_Same_Object_And_Protection()
    {
        var (rule, tag, open) = (Rule("a", "{tag}"), GitRef.Tag("v1"), Rule("a", "{tag}") with { RequireProtected = false });
        var other = ObjectId.Parse(new string('d', 40));
        VerifiedRef At(ObjectId target, bool isProtected) => new(target, target, DateTimeOffset.UnixEpoch, isProtected);

        ReleasePlanner.Verify(tag, Commit, null, rule)!.Code.ShouldBe(ReasonCode.RefGone);
        ReleasePlanner.Verify(tag, Commit, At(other, true), rule)!.Code.ShouldBe(ReasonCode.RefMoved);
        ReleasePlanner.Verify(tag, Commit, At(Commit, false), rule)!.Code.ShouldBe(ReasonCode.RefNotProtected);
        ReleasePlanner.Verify(tag, Commit, At(Commit, true), rule).ShouldBeNull();
        ReleasePlanner.Verify(tag, Commit, At(Commit, false), open).ShouldBeNull();
    }

    // Whatever else is true of a push, a deleted ref never builds an image.
    [Fact]
    public void Deleted_Ref_Never_Yields_A_Plan() =>
        Gens.Ref.Sample(gitRef => ReleasePlanner.Judge(new RefEvent("acme/shop", gitRef, IsDeleted: true), [Rule("a", "{tag}")]) is HookDecision.Ignore);

    [Fact]
    public void Planning_The_Same_Twice_Gives_The_Same() =>
        Gen.Select(Gens.Ref, Gen.OneOf(Usual).Array[1, 6]).Sample((gitRef, tags) =>
            Describe(Plan(gitRef, "{project.path}", tags)) == Describe(Plan(gitRef, "{project.path}", tags)));

    [Fact]
    public void Every_Planned_Image_Is_Legal_And_Planned_Once() =>
        Gen.Select(Gens.Ref, Gen.OneOf(Usual).Array[1, 6]).Sample((gitRef, tags) =>
            Plan(gitRef, "{project.path}", tags) is not PlanResult.Planned { Plan: var plan }
            || plan.Images.All(image => ImageRef.TryParse(image.Image.ToString(), out var again) && again == image.Image)
            && plan.Images.Select(image => image.Image).Distinct().Count() == plan.Images.Count
            && (gitRef.Kind == RefKind.Branch || plan.Images.Any(image => image.Kind == ImageTagKind.Version))
            && plan.Images.All(image => image.Kind != (gitRef.Kind == RefKind.Tag ? ImageTagKind.Branch : ImageTagKind.Floating)));

    [Fact]
    public void Different_Versions_Never_Share_A_Version_Tag_Unless_Their_Names_Become_The_Same() =>
        Gen.Select(Gens.Version, Gens.Version, Gen.OneOf("{tag}", "{version}", "r-{version}", "{major}.{minor}.{patch}-{prerelease}"))
            .Where((a, b, _) => a != b)
            .Sample((a, b, template) =>
            {
                var (first, second) = (VersionTags(a, template), VersionTags(b, template));
                return !first.Intersect(second).Any()
                    || ImageTag.Legalise(a.ToString()) == ImageTag.Legalise(b.ToString())
                    // The numbers and the pre-release alone leave out the build, which makes no other precedence.
                    || a.CompareTo(b) == 0;
            });

    private static IEnumerable<string> VersionTags(SemanticVersion version, string template) =>
        Plan(GitRef.Tag("v" + version), "app", template) is PlanResult.Planned { Plan: var plan }
            ? plan.Images.Where(image => image.Kind == ImageTagKind.Version).Select(image => image.Image.Tag)
            : [];

    private static string Describe(PlanResult result) => result switch
    {
        PlanResult.Planned { Plan: var plan } => string.Join('\n', plan.Images.Select(image => image.ToString()).Concat(plan.Skipped.Select(tag => tag.ToString()))),
        PlanResult.Refused { Reason: var reason } => reason.ToString(),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static ReasonCode? Code(RefEvent happened, params ProjectRule[] rules) =>
        ReleasePlanner.Judge(happened, rules) is HookDecision.Ignore { Reason: var reason } ? reason.Code : null;

    private static IEnumerable<string> Tags(ReleasePlan plan) => plan.Images.Select(image => $"{image.Image.Tag} {image.Kind.ToText()}");

    private static ReleasePlan Planned(GitRef gitRef, params string[] tags) => Plan(gitRef, "{project.path}", tags).ShouldBeOfType<PlanResult.Planned>().Plan;

    private static Reason Refused(GitRef gitRef, params string[] tags) => Plan(gitRef, "{project.path}", tags).ShouldBeOfType<PlanResult.Refused>().Reason;

    private static PlanResult Plan(GitRef gitRef, string repository, params string[] tags) => Plan(Rule(repository, tags), gitRef);

    private static PlanResult Plan(ProjectRule rule, GitRef gitRef) =>
        ReleasePlanner.Plan(rule, "Acme/Shop", gitRef, Commit, new DateTimeOffset(2026, 2, 3, 0, 0, 0, TimeSpan.Zero));

    private static ProjectRule Rule(string repository, params string[] tags) => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [new ImageRule("main", "registry.example", Template.Parse(repository), [.. tags.Select(Template.Parse)])],
    };
}
