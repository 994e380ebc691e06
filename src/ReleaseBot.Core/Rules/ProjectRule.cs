namespace ReleaseBot.Core;

/// <summary>What to publish for the projects whose path matches; the first rule that matches a project is the only one that counts.</summary>
public sealed record ProjectRule
{
    /// <summary>On path_with_namespace; <c>*</c> within a segment, <c>**</c> across, e.g. <c>acme/**</c>.</summary>
    public required ProjectPathPattern Path { get; init; }

    /// <summary>GitLab's wildcards on the short tag name, e.g. <c>v*</c>.</summary>
    public IReadOnlyList<RefPattern> Tags { get; init; } = [new RefPattern("*")];
    public IReadOnlyList<RefPattern> Branches { get; init; } = [];
    public bool RequireProtected { get; init; } = true;

    /// <summary>The build context's folder within the repository, <c>.</c> for all of it.</summary>
    public string Context { get; init; } = ".";

    /// <summary>Relative to the context, as for <c>docker build -f</c> over a remote context.</summary>
    public string Dockerfile { get; init; } = "Dockerfile";
    public string? Target { get; init; }
    public IReadOnlyDictionary<string, Template> BuildArgs { get; init; } = new Dictionary<string, Template>();
    public IReadOnlyDictionary<string, Secret> BuildSecrets { get; init; } = new Dictionary<string, Secret>();

    /// <summary>Names of registries whose credentials a build may use for private bases.</summary>
    public IReadOnlyList<string> Pull { get; init; } = [];

    /// <summary>The one platform, e.g. <c>linux/amd64</c>.</summary>
    public string Platform { get; init; } = "linux/amd64";

    /// <summary>Of source and build together.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromHours(1);
    public IReadOnlyList<ImageRule> Images { get; init; } = [];
    public OverwritePolicy Overwrite { get; init; } = OverwritePolicy.Refuse;
    public IReadOnlyList<NotifyRule> Notify { get; init; } = [];
    public bool CommitStatus { get; init; }
    public bool GitLabRelease { get; init; }
}

/// <param name="Registry">Key of the registry in the configuration.</param>
/// <param name="Host">That registry's host.</param>
public sealed record ImageRule(string Registry, string Host, Template Repository, IReadOnlyList<Template> Tags);

public enum OverwritePolicy
{
    Refuse,
    /// <summary>An existing version tag may get another digest; it is recorded.</summary>
    Allow,
}

public enum Outcome
{
    Published,
    Failed,
    Rejected,
    Recovered,
}

public sealed record NotifyRule(string Channel, IReadOnlySet<Outcome> On);
