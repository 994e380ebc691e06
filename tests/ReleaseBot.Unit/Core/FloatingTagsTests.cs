using CsCheck;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

public sealed class FloatingTagsTests
{
    private static readonly string[] Templates = ["latest", "{major}", "{major}.{minor}"];

    // Releases in any order, pre-releases, 0.x and back-ports among them: each tag ends on the highest stable version of its scope, and on
    // its way there never goes back.
    [Fact]
    public void A_Tag_Ends_On_The_Highest_Stable_Version_Of_Its_Scope_And_Never_Goes_Back() =>
        Gens.Version.Select(version => version with { Build = "" }).Array[1, 25].Sample(releases =>
        {
            Dictionary<string, SemanticVersion> tags = new(StringComparer.Ordinal);
            List<SemanticVersion> published = [];
            foreach (var release in releases)
            {
                published.Add(release);
                foreach (var (tag, scope) in FloatingOf(release))
                {
                    if (FloatingTags.Decide(release, scope, published.Select(version => new CountedVersion(version, CountedFor.Published))) is FloatingVerdict.Move)
                    {
                        if (tags.TryGetValue(tag, out var before) && before > release)
                        {
                            return false;
                        }

                        tags[tag] = release;
                    }
                }
            }

            return Model(releases).OrderBy(pair => pair.Key).SequenceEqual(tags.OrderBy(pair => pair.Key));
        });

    /// <summary>What the promise says, without a history: of each name the highest stable version that it may stand for.</summary>
    private static Dictionary<string, SemanticVersion> Model(IEnumerable<SemanticVersion> releases)
    {
        var stable = releases.Where(release => release.Prerelease == "").ToList();
        return stable.Select(release => ("latest", release))
            .Concat(stable.Where(release => !release.Major.IsZero).Select(release => ($"{release.Major}", release)))
            .Concat(stable.Select(release => ($"{release.Major}.{release.Minor}", release)))
            .GroupBy(pair => pair.Item1)
            .ToDictionary(group => group.Key, group => group.Select(pair => pair.release).Max()!);
    }

    [Fact]
    public void A_Ref_Without_A_Version_Moves_Nothing() => Code(null, FloatingScope.All).ShouldBe(ReasonCode.NoVersion);

    [Fact]
    public void A_Pre_Release_Moves_Nothing_Even_Alone() => Code("2.0.0-rc.1", FloatingScope.All).ShouldBe(ReasonCode.PreRelease);

    [Fact]
    public void A_Back_Port_Moves_Its_Own_Line_Only()
    {
        string[] published = ["1.9.0", "2.0.0", "3.0.0-rc.1"];
        Code("1.9.1", FloatingScope.All, published).ShouldBe(ReasonCode.NotNewest);
        Code("1.9.1", new FloatingScope(1, null, null), published).ShouldBeNull();
        Code("1.9.1", new FloatingScope(1, 9, null), published).ShouldBeNull();
        Code("1.8.5", new FloatingScope(1, null, null), published).ShouldBe(ReasonCode.NotNewest);
        Code("1.8.5", new FloatingScope(1, 8, null), published).ShouldBeNull();
    }

    [Theory]
    [InlineData(CountedFor.Published, "2.0.0 is published and higher than 1.0.0 among all versions")]
    [InlineData(CountedFor.Listed, "2.0.0 is in the registry, though not by us (retract it if it is not to count), and higher than 1.0.0 among all versions")]
    [InlineData(CountedFor.Standing, "2.0.0 is not published, but is what we put this tag on, and higher than 1.0.0 among all versions")]
    public void What_Holds_A_Tag_Back_Is_Told_For_What_It_Is(CountedFor reason, string why)
    {
        List<CountedVersion> counted = [new(Gens.Parse("1.5.0"), CountedFor.Published), new(Gens.Parse("2.0.0"), reason)];
        FloatingTags.Decide(Gens.Parse("1.0.0"), FloatingScope.All, counted).Why.ShouldBe(why);

        // For whatever else it counts.
        counted.Insert(0, new(Gens.Parse("2.0.0"), CountedFor.Standing));
        FloatingTags.Decide(Gens.Parse("1.0.0"), FloatingScope.All, counted).Why.ShouldBe(why);
    }

    [Fact]
    public void The_Same_Version_Again_Moves() => Code("1.0.0", FloatingScope.All, "1.0.0").ShouldBeNull();

    [Fact]
    public void Numbers_Are_Compared_As_Numbers_However_Long() =>
        Code("9.0.0", FloatingScope.All, "99999999999999999999999999.0.0").ShouldBe(ReasonCode.NotNewest);

    private static ReasonCode? Code(string? candidate, FloatingScope scope, params string[] published) =>
        FloatingTags.Decide(candidate is null ? null : Gens.Parse(candidate), scope, published.Select(version => new CountedVersion(Gens.Parse(version), CountedFor.Published))) is FloatingVerdict.Keep keep ? keep.Code : null;

    /// <summary>The floating tags of a release and their scopes, as the planner makes them.</summary>
    private static IEnumerable<(string Tag, FloatingScope Scope)> FloatingOf(SemanticVersion release)
    {
        var rule = new ProjectRule
        {
            Path = new ProjectPathPattern("**"),
            Images = [new ImageRule("main", "registry.example", Template.Parse("app"), [Template.Parse("{tag}"), .. Templates.Select(Template.Parse)])],
        };
        var plan = (PlanResult.Planned)ReleasePlanner.Plan(rule, "acme/app", GitRef.Tag("v" + release), ObjectId.Parse(new string('c', 40)), DateTimeOffset.UnixEpoch);
        return plan.Plan.Images.Where(image => image.Kind == ImageTagKind.Floating).Select(image => (image.Image.Tag, image.Scope!));
    }
}
