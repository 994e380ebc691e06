using System.Collections.Concurrent;
using ReleaseBot.StandIns.GitLab.Git;

namespace ReleaseBot.StandIns.GitLab;

/// <summary>A project: its bare repository and what GitLab keeps beside it.</summary>
public sealed class StandInProject
{
    internal StandInProject(long id, string path, string directory, Uri baseUrl)
    {
        Id = id;
        Path = path;
        Repository = new BareRepository(directory);
        WebUrl = new Uri($"{baseUrl.AbsoluteUri.TrimEnd('/')}/{path}");
    }

    public long Id { get; }

    /// <summary>path_with_namespace.</summary>
    public string Path { get; internal set; }

    public string Name => Path[(Path.LastIndexOf('/') + 1)..];

    public Uri WebUrl { get; }

    public Uri CloneUrl => new(WebUrl.AbsoluteUri + ".git");

    public bool IsArchived { get; set; }

    /// <summary>Whether the token's user is a member: else the project is not listed, and not found.</summary>
    public bool IsMember { get; set; } = true;

    /// <summary>False: making a release is refused with 403, even when the tag exists.</summary>
    public bool BotMayCreateProtectedTags { get; set; } = true;

    public DateTimeOffset LastActivityAt { get; internal set; }

    /// <summary>Rules on short names, with GitLab's wildcard.</summary>
    public ProtectionRules ProtectedTags { get; } = new();

    public ProtectionRules ProtectedBranches { get; } = new();

    internal BareRepository Repository { get; }

    internal ConcurrentDictionary<string, StandInRelease> ReleasesByTag { get; } = new(StringComparer.Ordinal);

    internal List<StandInStatus> StatusList { get; } = [];

    public IReadOnlyList<StandInStatus> Statuses
    {
        get
        {
            lock (StatusList)
            {
                return [.. StatusList];
            }
        }
    }

    public IReadOnlyDictionary<string, StandInRelease> Releases => ReleasesByTag;

    internal bool IsProtected(string fullRef) =>
        fullRef.StartsWith("refs/tags/", StringComparison.Ordinal) ? ProtectedTags.Cover(fullRef["refs/tags/".Length..])
        : fullRef.StartsWith("refs/heads/", StringComparison.Ordinal) && ProtectedBranches.Cover(fullRef["refs/heads/".Length..]);
}

public sealed record StandInStatus(string Sha, string Ref, string Name, string State, string? Description, string? TargetUrl);

public sealed record StandInReleaseLink(long Id, string Name, string Url, string LinkType);

public sealed record StandInRelease(string TagName, string Name, string? Description, IReadOnlyList<StandInReleaseLink> Links);
