namespace ReleaseBot.Chaos;

/// <summary>Where an image of a project is to be.</summary>
/// <param name="Registry">Of the world's, from 0.</param>
internal sealed record Place(int Registry, string Repository);

/// <summary>The projects and where they publish to: each to a repository of its own name on both registries, one of them to a second repository besides.</summary>
internal static class Places
{
    /// <summary>Its rule has two repositories on one registry, so that its releases hold three. One that it shared with another project would be refused as <c>repository-taken</c>.</summary>
    public const string Twice = "acme/app-1";

    public const string SecondRepository = "acme/app-1-mirror";

    /// <summary>Publishes the branch <c>main</c>, and has no tags.</summary>
    public const string Branched = "acme/site";

    public const string BranchTag = "edge";

    public static string App(int number) => $"acme/app-{number}";

    public static IReadOnlyList<Place> Of(string project) =>
        project == Twice ? [new(0, project), new(1, project), new(0, SecondRepository)] : [new(0, project), new(1, project)];
}
