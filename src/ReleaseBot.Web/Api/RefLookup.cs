using System.Globalization;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Core;
using ReleaseBot.GitLab;

namespace ReleaseBot.Web;

/// <summary>A ref that somebody named, as GitLab knows it, with the rule that publishes it.</summary>
internal sealed record FoundRef(GitLabProject Project, GitRef Ref, GitLabRef State, ProjectRule Rule);

/// <summary>Asks GitLab for a project and a ref, within a time that a caller will wait for.</summary>
internal sealed class RefLookup(GitLabClient gitLab, ReleaseBotSettings settings, TimeProvider time)
{
    private const int MaxLength = 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <returns>What was found, or the problem that says why not.</returns>
    /// <exception cref="GitLabException">GitLab can't or won't answer.</exception>
    public async Task<(FoundRef? Found, IResult? Problem)> FindAsync(PublishRequest request, CancellationToken cancellationToken)
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
            return await AskAsync(project, candidates, either.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new GitLabException(GitLabFault.Unavailable, $"GitLab did not answer within {Limit.TotalSeconds:0} s.");
        }
    }

    private async Task<(FoundRef? Found, IResult? Problem)> AskAsync(string name, IReadOnlyList<GitRef> candidates, CancellationToken cancellationToken)
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
                return ReleasePlanner.Judge(new RefEvent(project.Path, candidate, IsDeleted: false), settings.Projects) switch
                {
                    HookDecision.Accept accept => (new FoundRef(project, candidate, state, accept.Rule), null),
                    HookDecision.Ignore ignore => (null, Problems.RuleNotFound(ignore.Reason.Code.ToText(), ignore.Reason.Message)),
                    _ => throw new System.Diagnostics.UnreachableException(),
                };
            }
        }

        return (null, Problems.RefNotFound());
    }

    private static IReadOnlyList<GitRef> CandidatesFor(string? name)
    {
        if (GitRef.TryParse(name, out var full))
        {
            return [full];
        }

        return GitRef.TryCreate(RefKind.Tag, name, out var tag) && GitRef.TryCreate(RefKind.Branch, name, out var branch) ? [tag, branch] : [];
    }
}
