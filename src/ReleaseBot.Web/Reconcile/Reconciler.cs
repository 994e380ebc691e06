using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>
/// Finds what no hook told of: compares GitLab's protected tags with the history and feeds what is missing into the same path as a hook.
/// The tags that a project has when it is first known are its baseline, which is never published by itself.
/// </summary>
internal sealed partial class Reconciler(
    GitLabClient gitLab, ProjectCatalog catalog, TagBaseline baseline, ReleaseOperations operations, IReadOnlyList<ProjectRule> rules,
    [FromKeyedServices(WakeUps.Verify)] WakeUp verify, ILogger<Reconciler> logger)
{
    /// <summary>Projects looked at in one round.</summary>
    private const int MaxProjects = 20_000;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var project in await ProjectsAsync(cancellationToken))
        {
            try
            {
                await ReconcileAsync(project, cancellationToken);
            }
            catch (GitLabException exception)
            {
                Log.ProjectFailed(logger, project.Path, exception.Message);
            }
        }
    }

    /// <summary>Every project that a rule matches: named by one, listed for our token, or seen in a hook.</summary>
    private async Task<IReadOnlyCollection<GitLabProject>> ProjectsAsync(CancellationToken cancellationToken)
    {
        Dictionary<long, GitLabProject> found = [];
        foreach (var rule in rules.Where(rule => rule.Path.IsExact))
        {
            Add(found, await TryAsync(() => gitLab.GetProjectAsync(rule.Path.Pattern, cancellationToken), rule.Path.Pattern));
        }

        if (rules.Any(rule => !rule.Path.IsExact))
        {
            await ListAsync(found, cancellationToken);
        }

        foreach (var known in (await catalog.AllAsync(cancellationToken)).Where(known => !found.ContainsKey(known.Id)))
        {
            Add(found, await TryAsync(() => gitLab.GetProjectAsync(known.Id, cancellationToken), known.Path));
        }

        return found.Values;
    }

    private async Task ListAsync(Dictionary<long, GitLabProject> found, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var project in gitLab.ListProjectsAsync(cancellationToken))
            {
                Add(found, project);
                if (found.Count >= MaxProjects)
                {
                    Log.TooMany(logger, MaxProjects);
                    return;
                }
            }
        }
        catch (GitLabException exception)
        {
            Log.ListFailed(logger, exception.Message);
        }
    }

    private void Add(Dictionary<long, GitLabProject> found, GitLabProject? project)
    {
        if (project is not null && ReleasePlanner.RuleFor(project.Path, rules) is not null)
        {
            found[project.Id] = project;
        }
    }

    private async Task<GitLabProject?> TryAsync(Func<Task<GitLabProject?>> ask, string path)
    {
        try
        {
            return await ask();
        }
        catch (GitLabException exception)
        {
            Log.ProjectFailed(logger, path, exception.Message);
            return null;
        }
    }

    private async Task ReconcileAsync(GitLabProject project, CancellationToken cancellationToken)
    {
        var known = await catalog.EnsureAsync(project.Id, project.Path, project.WebUrl.AbsoluteUri, cancellationToken);
        var rule = ReleasePlanner.RuleFor(project.Path, rules)!;
        if (known.BaselineAt is null)
        {
            await baseline.TakeAsync(project, cancellationToken);
            return;
        }

        await FeedAsync(project, rule, await baseline.TagsAsync(project.Id, cancellationToken), cancellationToken);
        await catalog.MarkReconciledAsync(project.Id, cancellationToken);
    }

    private async Task FeedAsync(GitLabProject project, ProjectRule rule, IReadOnlyList<GitLabTag> tags, CancellationToken cancellationToken)
    {
        // A tag that is not protected yet is looked at again in the next round.
        var candidates = tags
            .Where(tag => (tag.IsProtected || !rule.RequireProtected) && rule.Tags.Any(pattern => pattern.Matches(tag.Name)))
            .Select(tag => (tag.Name, tag.Target.Value))
            .ToList();
        // Oldest first, as their hooks would have come.
        foreach (var (name, target) in (await catalog.UnknownTagsAsync(project.Id, candidates, cancellationToken)).Reverse())
        {
            if (!GitRef.TryCreate(RefKind.Tag, name, out var tag))
            {
                continue;
            }

            var release = new NewRelease
            {
                ProjectId = project.Id,
                ProjectPath = project.Path,
                ProjectUrl = project.WebUrl.AbsoluteUri,
                Ref = tag,
                Target = ObjectId.Parse(target),
                Trigger = TriggerKind.Reconcile,
            };
            var (id, isNew) = await operations.CreateAsync(release, cancellationToken);
            if (isNew)
            {
                Log.Missed(logger, project.Path, name, id);
                verify.Set();
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "No hook told of {Project} {Ref}; reconciling found it (release {ReleaseId}). See the hook's recent events in GitLab.")]
        public static partial void Missed(ILogger logger, string project, string @ref, Guid releaseId);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "{Project} could not be reconciled: {Message}")]
        public static partial void ProjectFailed(ILogger logger, string project, string message);

        [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "GitLab's projects could not be listed: {Message}")]
        public static partial void ListFailed(ILogger logger, string message);

        [LoggerMessage(EventId = 5, Level = LogLevel.Warning, Message = "More than {Max} projects match; the rest is not reconciled.")]
        public static partial void TooMany(ILogger logger, int max);
    }
}
