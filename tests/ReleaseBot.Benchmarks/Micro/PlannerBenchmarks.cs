using BenchmarkDotNet.Attributes;
using ReleaseBot.Core;

namespace ReleaseBot.Benchmarks.Micro;

/// <summary>What a hook costs to be judged, and a ref to be planned.</summary>
public class PlannerBenchmarks
{
    private const int OtherRules = 50;
    private static readonly ObjectId Commit = ObjectId.Parse("b1946ac92492d2347c6235b4d2611184aabbccdd");

    private readonly List<ProjectRule> _rules = [.. Enumerable.Range(0, OtherRules).Select(number => Rule($"other-{number}/**")), Rule("acme/**")];
    private readonly GitRef _tag = GitRef.Tag("v1.2.3");

    [GlobalSetup]
    public void Check()
    {
        Work.Expect(Judge() is HookDecision.Accept, "the tag is accepted");
        Work.Expect(Plan() is PlanResult.Planned { Plan.Images.Count: 8 }, "eight tags are planned");
    }

    [Benchmark(Description = "judge a hook by the last of 51 rules")]
    public HookDecision Judge() => ReleasePlanner.Judge(new RefEvent("acme/team/shop", _tag, IsDeleted: false), _rules);

    [Benchmark(Description = "plan eight tags on two registries")]
    public PlanResult Plan() => ReleasePlanner.Plan(_rules[^1], "acme/team/shop", _tag, Commit, DateTimeOffset.UnixEpoch);

    private static ProjectRule Rule(string path)
    {
        IReadOnlyList<Template> tags = [.. new[] { "{tag}", "{major}.{minor}", "{major}", "latest" }.Select(Template.Parse)];
        return new ProjectRule
        {
            Path = new ProjectPathPattern(path),
            Tags = [new RefPattern("v*")],
            Images =
            [
                new ImageRule("gitlab", "registry.example", Template.Parse("{project.path}"), tags),
                new ImageRule("hub", "docker.io", Template.Parse("acme/{project.name}"), tags),
            ],
        };
    }
}
