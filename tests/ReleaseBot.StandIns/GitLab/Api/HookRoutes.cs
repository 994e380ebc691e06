using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using ReleaseBot.StandIns.GitLab.Hooks;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>
/// Hooks of projects and groups and their test requests (lib/api/hooks/trigger_test.rb, lib/api/entities/hook.rb). A test is sent whatever the
/// hook's state is, its answer is waited for, and a 2xx enables the hook.
/// </summary>
internal sealed class HookRoutes(GitLabStandIn gitLab)
{
    private const int TestsPerMinute = 5;
    private const string AccessToken = "resource_access_token_events";
    private static readonly string[] Triggers =
    [
        "push_events", "tag_push_events", "issues_events", "confidential_issues_events", "note_events", "merge_requests_events", "job_events",
        "pipeline_events", "wiki_page_events", "deployment_events", "feature_flag_events", "releases_events", "emoji_events", AccessToken,
    ];
    private readonly ConcurrentDictionary<(string Parent, long Minute), int> _tests = new();

    /// <summary>doc/api/groups.md; the bot owns those that there are, so <c>min_access_level</c> leaves none out.</summary>
    public Task ListGroupsAsync(HttpContext context) => ApiAnswer.PageAsync(
        context, gitLab.Url, [.. gitLab.Groups.Select(group => new { group.Id, name = group.Path, full_path = group.Path })]);

    public Task? HandleGroup(HttpContext context, string id, string[] rest)
    {
        var group = gitLab.Groups.FirstOrDefault(group => group.Id.ToString(CultureInfo.InvariantCulture) == id);
        return group is null ? ApiAnswer.NotFoundAsync(context, "Group") : Handle(context, HookScope.Group, group.Path, rest);
    }

    public Task? HandleProject(HttpContext context, StandInProject project, string[] rest) => project.BotMayManageHooks
        ? Handle(context, HookScope.Project, project.Path, rest)
        : ApiAnswer.MessageAsync(context, StatusCodes.Status403Forbidden, "403 Forbidden");

    private Task? Handle(HttpContext context, HookScope scope, string owner, string[] rest)
    {
        var hooks = gitLab.Hooks.Where(hook => hook.Scope == scope && hook.Owner == owner).ToList();
        return (context.Request.Method, rest) switch
        {
            ("GET", []) => ApiAnswer.PageAsync(context, gitLab.Url, hooks.Select(Show).ToList()),
            ("POST", [var id, "test", var trigger]) => TestAsync(context, owner, hooks.Find(hook => hook.Id.ToString(CultureInfo.InvariantCulture) == id), trigger),
            _ => null,
        };
    }

    private async Task TestAsync(HttpContext context, string owner, StandInHook? hook, string trigger)
    {
        if (hook is null)
        {
            await ApiAnswer.NotFoundAsync(context, "Not found");
        }
        else if (!Triggers.Contains(trigger))
        {
            await ApiAnswer.WriteAsync(context, 400, new { error = "trigger does not have a valid value" });
        }
        else if (_tests.AddOrUpdate((owner, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 60), 1, (_, count) => count + 1) > TestsPerMinute)
        {
            await ApiAnswer.WriteAsync(context, 429, new { message = new { error = "This endpoint has been requested too many times. Try again later." } });
        }
        else if (await SendAsync(hook, trigger, context.RequestAborted) is { } delivery && delivery.Status is >= 200 and < 300)
        {
            await ApiAnswer.MessageAsync(context, 201, "201 Created");
        }
        else
        {
            await ApiAnswer.MessageAsync(context, 422, "the hook's receiver did not take the sample");
        }
    }

    /// <summary>The newest commits of the default branch, under the kind that was asked for (lib/gitlab/data_builder/push.rb, build_sample). Null where the kind needs what no project here has.</summary>
    private async Task<StandInDelivery?> SendAsync(StandInHook hook, string trigger, CancellationToken cancellationToken)
    {
        // A group's is the first project of it that is not empty.
        var project = gitLab.Projects.FirstOrDefault(project => hook.Covers(project));
        switch (trigger)
        {
            case AccessToken:
                var body = JsonSerializer.SerializeToUtf8Bytes(new
                {
                    object_kind = "access_token",
                    event_name = "expiring_access_token",
                    project = new { id = project?.Id, path_with_namespace = project?.Path },
                    object_attributes = new { id = 1, name = "pat_for_webhook_event", user_id = (long?)null, expires_at = "2099-01-03" },
                });
                return await gitLab.SendTestAsync(hook, "Resource Access Token Hook", project, "", body);
            case "push_events" or "tag_push_events" when project is not null
                && await project.Repository.FindAsync("refs/heads/main", cancellationToken) is { } head:
                var commits = await project.Repository.NewestAsync(head.Commit, 3, cancellationToken);
                var tag = await project.Repository.ListAsync("refs/tags/", cancellationToken) is [var newest, ..] ? newest.FullName : "refs/tags/v1.0.0";
                var change = new RefChange(trigger == "push_events" ? "refs/heads/main" : tag, commits[^1], commits[0]);
                var sample = await HookPayloads.BuildAsync(project, change, "releasebot", hook.Scope, cancellationToken);
                return await gitLab.SendTestAsync(hook, change.IsTag ? "Tag Push Hook" : "Push Hook", project, change.Ref, sample);
            default:
                return null;
        }
    }

    private object Show(StandInHook hook) => new
    {
        hook.Id,
        url = hook.Url.AbsoluteUri,
        name = "",
        description = "",
        push_events = true,
        tag_push_events = true,
        merge_requests_events = false,
        repository_update_events = false,
        enable_ssl_verification = true,
        alert_status = gitLab.HealthOf(hook).AlertStatus,
        disabled_until = gitLab.HealthOf(hook).DisabledUntil,
        url_variables = Array.Empty<object>(),
        push_events_branch_filter = "",
        branch_filter_strategy = "wildcard",
        custom_webhook_template = (string?)null,
        custom_headers = Array.Empty<object>(),
    };
}
