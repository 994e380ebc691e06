using BenchmarkDotNet.Attributes;
using ReleaseBot.Core;

namespace ReleaseBot.Benchmarks.Micro;

/// <summary>What it costs to read tags and to find where a floating one belongs.</summary>
public class VersionBenchmarks
{
    private const int Tags = 1000;

    private readonly string[] _names = [.. Enumerable.Range(0, Tags).Select(NameOf)];
    private readonly FloatingScope _scope = new(1, 2, null);
    private readonly SemanticVersion _candidate = Read("v1.2.2000");
    private SemanticVersion[] _versions = [];
    private SemanticVersion[] _sorted = [];

    [GlobalSetup]
    public void Check()
    {
        _versions = [.. _names.Select(Read)];
        _sorted = new SemanticVersion[Tags];
        Work.Expect(Parse() == Tags, "every tag has a version");
        Work.Expect(Sort()[^1].Major == 3, "the highest comes last");
        Work.Expect(Decide() is FloatingVerdict.Move, "the highest moves the tag");
        Work.Expect(Legalise() == "feature-login_1", "what is not legal is replaced");
    }

    [Benchmark(Description = "read 1,000 tags as versions")]
    public int Parse() => _names.Count(name => SemanticVersion.TryParseTag(name, out _));

    [Benchmark(Description = "sort 1,000 versions")]
    public SemanticVersion[] Sort()
    {
        _versions.CopyTo(_sorted, 0);
        Array.Sort(_sorted);
        return _sorted;
    }

    [Benchmark(Description = "decide a floating tag among 1,000 versions")]
    public FloatingVerdict Decide() => FloatingTags.Decide(
        _candidate, _scope, _versions.Select(version => new CountedVersion(version, CountedFor.Published)));

    [Benchmark(Description = "make a branch's name an image tag")]
    public string Legalise() => ImageTag.Legalise("feature/login+1");

    private static string NameOf(int number) => $"v{number % 4}.{number / 4 % 10}.{number}{(number % 7 == 0 ? $"-rc.{number}" : "")}";

    private static SemanticVersion Read(string name) =>
        SemanticVersion.TryParseTag(name, out var version) ? version : throw new InvalidOperationException($"{name} is no version.");
}
