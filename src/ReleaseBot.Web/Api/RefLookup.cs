using System.Globalization;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>A ref that somebody named, as GitLab knows it, with the rule that publishes it.</summary>
internal sealed record FoundRef(GitLabProject Project, GitRef Ref, GitLabRef State, ProjectRule Rule)
{
    /// <summary>The release that comes of it by hand.</summary>
    public NewRelease ToRelease(string? user) => new()
    {
        ProjectId = Project.Id,
        ProjectPath = Project.Path,
        ProjectUrl = Project.WebUrl.AbsoluteUri,
        Ref = Ref,
        Target = State.Target,
        Trigger = TriggerKind.Manual,
        User = user,
    };
}

/// <summary>Asks GitLab for a project and a ref, within a time that a caller will wait for.</summary>
internal sealed class RefLookup(GitLabClient gitLab, ReleaseBotSettings settings, TimeProvider time)
{
    private const int MaxLength = 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <returns>What was found, or the problem that says why not.</returns>
    /// <exception cref="GitLabException">GitLab can't or won't answer.</exception>
    public Task<(FoundRef? Found, IResult? Problem)> FindAsync(PublishRequest request, CancellationToken cancellationToken) =>
        FindAsync(request, null, cancellationToken);

    /// <summary>Takes a tag that does not exist yet as if it were put on a commit, protected or not as the project's rules would have it.</summary>
    public async Task<(FoundRef? Found, IResult? Problem)> FindAsync(PlanRequest request, CancellationToken cancellationToken)
    {
        if (request.Assume is null)
        {
            return await FindAsync(request, null, cancellationToken);
        }

        return ObjectId.TryParse(request.Assume.Commit, out var commit)
            ? await FindAsync(request, commit, cancellationToken)
            : (null, Problems.InvalidParameter("assume.commit", "the whole id of a commit is expected, 40 or 64 hex digits."));
    }

    private async Task<(FoundRef? Found, IResult? Problem)> FindAsync(PublishRequest request, ObjectId? assumed, CancellationToken cancellationToken)
    {
        if (request.Project is not { Length: > 0 and <= MaxLength } project)
        {
            return (null, Problems.InvalidParameter("project", "a path with namespace, e.g. acme/shop, or an id is expected."));
        }

        if (CandidatesFor(request.Ref) is not { Count: > 0 } candidates)
        {
            return (null, Problems.InvalidParameter("ref", "the name of a tag or branch is expected, e.g. v1.2.3 or refs/tags/v1.2.3."));
        }

        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await AskAsync(project, candidates, assumed, either.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new GitLabException(GitLabFault.Unavailable, $"GitLab did not answer within {Limit.TotalSeconds:0} s.");
        }
    }

    private async Task<(FoundRef? Found, IResult? Problem)> AskAsync(
        string name, IReadOnlyList<GitRef> candidates, ObjectId? assumed, CancellationToken cancellationToken)
    {
        var project = long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? await gitLab.GetProjectAsync(id, cancellationToken)
            : await gitLab.GetProjectAsync(name, cancellationToken);
        if (project is null)
        {
            return (null, Problems.ProjectNotFound());
        }

        foreach (var candidate in candidates)
        {
            if (await gitLab.GetRefAsync(project.Id, candidate, cancellationToken) is { } state)
            {
                return assumed is null
                    ? Judge(project, candidate, state)
                    : (null, Problems.InvalidParameter("assume", $"{candidate.FullName} exists, at {state.Commit}. Leave assume out to have that planned."));
            }
        }

        return assumed is { } commit && candidates[0] is { Kind: RefKind.Tag } tag
            ? await AssumeAsync(project, tag, commit, cancellationToken)
            : (null, Problems.RefNotFound());
    }

    private async Task<(FoundRef? Found, IResult? Problem)> AssumeAsync(GitLabProject project, GitRef tag, ObjectId commit, CancellationToken cancellationToken) =>
        await gitLab.GetCommitAsync(project.Id, commit, cancellationToken) is { } known
            ? Judge(project, tag, new GitLabRef(await gitLab.WouldProtectTagAsync(project.Id, tag.Name, cancellationToken), commit, commit, known.CommittedAt))
            : (null, Problems.InvalidParameter("assume.commit", "GitLab knows no such commit in the project."));

    private (FoundRef? Found, IResult? Problem) Judge(GitLabProject project, GitRef reference, GitLabRef state) =>
        ReleasePlanner.Judge(new RefEvent(project.Path, reference, IsDeleted: false), settings.Projects) switch
        {
            HookDecision.Accept accept => (new FoundRef(project, reference, state, accept.Rule), null),
            HookDecision.Ignore ignore => (null, Problems.RuleNotFound(ignore.Reason.Code.ToText(), ignore.Reason.Message)),
            _ => throw new System.Diagnostics.UnreachableException(),
        };

    private static IReadOnlyList<GitRef> CandidatesFor(string? name)
    {
        if (GitRef.TryParse(name, out var full))
        {
            return [full];
        }

        return GitRef.TryCreate(RefKind.Tag, name, out var tag) && GitRef.TryCreate(RefKind.Branch, name, out var branch) ? [tag, branch] : [];
    }
}
