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

    internal static TimeSpan ActivityInterval { get; } = TimeSpan.FromHours(1);

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

    /// <summary>False: the bot's role is below Maintainer, and the project's hooks are refused with 403.</summary>
    public bool BotMayManageHooks { get; set; } = true;

    /// <summary>Moved on by an event only where it is an hour old, as GitLab does (app/models/event.rb, RESET_PROJECT_ACTIVITY_INTERVAL).</summary>
    public DateTimeOffset LastActivityAt { get; set; }

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

/// <summary>A group that the bot's user owns.</summary>
public sealed record StandInGroup(long Id, string Path);

public sealed record StandInStatus(string Sha, string Ref, string Name, string State, string? Description, string? TargetUrl);

public sealed record StandInReleaseLink(long Id, string Name, string Url, string LinkType);

public sealed record StandInRelease(string TagName, string Name, string? Description, IReadOnlyList<StandInReleaseLink> Links);
