using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.Web;

namespace ReleaseBot.Hosting;

/// <summary>Asks GitLab whether it has disabled hooks of ours, in the latest active projects and in the groups that the token's user owns.</summary>
internal static class HookCheck
{
    private const int MostOwners = 50;
    private const int ProjectsLookedAt = 500;
    private const int AtOnce = 4;
    private const int MostNamed = 5;

    public static async Task<CheckResult> AskAsync(ReleaseBotSettings settings, GitLabClient gitLab, CancellationToken cancellationToken)
    {
        var owners = await OwnersAsync(settings, gitLab, cancellationToken);
        if (owners.Count == 0)
        {
            return CheckResult.Doubt("no project is known whose hooks could be looked at", "Give GitLab:Token access to a project that an entry of Projects matches.");
        }

        List<string> off = [];
        var hidden = 0;
        var gate = new Lock();
        await Parallel.ForEachAsync(owners, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (owner, token) =>
        {
            var found = await HookAddress.DisabledAsync(gitLab, owner, settings.PublicUrl, token);
            lock (gate)
            {
                off.AddRange((found ?? []).Select(hook => $"hook {hook.Id} of {owner} ({HookAddress.Text(hook.Alert)})"));
                hidden += found is null ? 1 : 0;
            }
        });
        return Judge(off, hidden, owners.Count);
    }

    private static CheckResult Judge(List<string> off, int hidden, int asked)
    {
        if (off.Count > 0)
        {
            var more = off.Count > MostNamed ? $" and {off.Count - MostNamed} more" : "";
            return CheckResult.Failed(
                $"GitLab has disabled {off.Count} and sends us nothing there: {string.Join(", ", off.Order(StringComparer.Ordinal).Take(MostNamed))}{more}",
                "See the hook's recent events in GitLab (Settings > Webhooks) for why it failed, then press Test; serve does that itself where the token has the scope api.");
        }

        return hidden == asked
            ? CheckResult.Doubt($"the token may not see the hooks of any of {asked} projects and groups", "With a Maintainer's role ReleaseBot notices hooks that GitLab has disabled.")
            : CheckResult.Ok($"GitLab has disabled none of ours in {asked - hidden} projects and groups{(hidden > 0 ? $"; {hidden} can't be seen with this token" : "")}");
    }

    private static async Task<List<GitLabHookOwner>> OwnersAsync(ReleaseBotSettings settings, GitLabClient gitLab, CancellationToken cancellationToken)
    {
        Dictionary<long, GitLabHookOwner> projects = [];
        foreach (var rule in settings.Projects.Where(rule => rule.Path.IsExact).Take(MostOwners))
        {
            if (await gitLab.GetProjectAsync(rule.Path.Pattern, cancellationToken) is { } project)
            {
                projects[project.Id] = new GitLabHookOwner(IsGroup: false, project.Id, project.Path);
            }
        }

        if (settings.Projects.Any(rule => !rule.Path.IsExact))
        {
            await foreach (var project in gitLab.ListProjectsAsync(cancellationToken).Take(ProjectsLookedAt))
            {
                if (projects.Count < MostOwners && ReleasePlanner.RuleFor(project.Path, settings.Projects) is not null)
                {
                    projects[project.Id] = new GitLabHookOwner(IsGroup: false, project.Id, project.Path);
                }
            }
        }

        return [.. projects.Values, .. await gitLab.ListOwnedGroupsAsync(cancellationToken).Take(MostOwners).ToListAsync(cancellationToken)];
    }
}
