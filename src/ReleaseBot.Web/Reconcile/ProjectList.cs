using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Every project that a rule matches: listed for our token, named by a rule, or seen in a hook. The latest active come first, as GitLab lists them.</summary>
internal sealed partial class ProjectList(GitLabClient gitLab, ProjectCatalog catalog, IReadOnlyList<ProjectRule> rules, TimeProvider time, ILogger<ProjectList> logger)
{
    /// <summary>Projects looked at in one round.</summary>
    private const int MaxProjects = 20_000;

    /// <summary>From so many on a list costs less than asking for each.</summary>
    private const int ExactPathsWorthAList = 10;

    /// <param name="known">By id, as the history has them.</param>
    public async IAsyncEnumerable<GitLabProject> ReadAsync(
        IReadOnlyDictionary<long, Project> known, RoundReport report, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        HashSet<long> seen = [];
        HashSet<string> paths = new(StringComparer.OrdinalIgnoreCase);
        var exact = rules.Where(rule => rule.Path.IsExact).Select(rule => rule.Path.Pattern).ToList();
        var isListed = exact.Count < rules.Count || exact.Count > ExactPathsWorthAList;
        if (isListed)
        {
            await foreach (var project in ListAsync(report, cancellationToken))
            {
                if (IsNew(project, seen, paths))
                {
                    yield return project;
                }

                if (seen.Count >= MaxProjects)
                {
                    Log.TooMany(logger, MaxProjects);
                    report.Cut();
                    yield break;
                }
            }
        }

        foreach (var path in exact.Where(path => !paths.Contains(path)))
        {
            if (await TryAsync(() => gitLab.GetProjectAsync(path, cancellationToken), path, report) is { Project: { } project } && IsNew(project, seen, paths))
            {
                yield return project;
            }
        }

        if (isListed && report.IsCut)
        {
            // What the rest of the list holds is not known to be missing from it.
            yield break;
        }

        foreach (var row in known.Values.Where(row => !seen.Contains(row.Id) && IsMatched(row.Path) && LookPolicy.IsUnlistedDue(row, time.GetUtcNow())))
        {
            var (isAnswered, project) = await TryAsync(() => gitLab.GetProjectAsync(row.Id, cancellationToken), row.Path, report);
            if (project is not null && IsNew(project, seen, paths))
            {
                yield return project;
            }
            else if (isAnswered && project is null)
            {
                // Gone, or no longer ours to see.
                await catalog.MarkLookedAtAsync(row.Id, time.GetUtcNow(), LookPolicy.NextLook(row.Id, hasOpenTags: false, time.GetUtcNow()), cancellationToken);
            }
        }
    }

    private async IAsyncEnumerable<GitLabProject> ListAsync(RoundReport report, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var projects = gitLab.ListProjectsAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            try
            {
                if (!await projects.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (GitLabException exception)
            {
                Log.ListFailed(logger, exception.Message);
                report.Failed("the list of projects", exception.Message);
                report.Cut();
                yield break;
            }

            yield return projects.Current;
        }
    }

    private bool IsNew(GitLabProject project, HashSet<long> seen, HashSet<string> paths) =>
        IsMatched(project.Path) && paths.Add(project.Path) && seen.Add(project.Id);

    private bool IsMatched(string path) => ReleasePlanner.RuleFor(path, rules) is not null;

    private async Task<(bool IsAnswered, GitLabProject? Project)> TryAsync(Func<Task<GitLabProject?>> ask, string path, RoundReport report)
    {
        try
        {
            return (true, await ask());
        }
        catch (GitLabException exception)
        {
            Log.NotFound(logger, path, exception.Message);
            report.Failed(path, exception.Message);
            return (false, null);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "GitLab's projects could not be listed: {Message}")]
        public static partial void ListFailed(ILogger logger, string message);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "More than {Max} projects match; the rest is not reconciled.")]
        public static partial void TooMany(ILogger logger, int max);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "{Project} could not be reconciled: {Message}")]
        public static partial void NotFound(ILogger logger, string project, string message);
    }
}
