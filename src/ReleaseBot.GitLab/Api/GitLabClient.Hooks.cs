using System.Net;
using System.Runtime.CompilerServices;

namespace ReleaseBot.GitLab;

/// <content>Webhooks of projects and groups: their state, and the test request that enables one again.</content>
public sealed partial class GitLabClient
{
    /// <summary>The hooks of a project or group. Only a Maintainer of the project, or an Owner of the group, may see them; with <c>read_api</c>.</summary>
    /// <exception cref="GitLabException"><see cref="GitLabFault.Denied"/> where the token's user may not.</exception>
    /// <seealso href="https://docs.gitlab.com/api/project_webhooks/"/>
    public async IAsyncEnumerable<GitLabHook> ListHooksAsync(GitLabHookOwner owner, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var first = _transport.At($"{PathOf(owner)}/hooks?per_page=100");
        await foreach (var hook in ListAsync(first, $"the hooks of {owner}", GitLabJson.Default.ListHookJson, null, cancellationToken))
        {
            yield return new GitLabHook(hook.Id, hook.Url, ToAlert(hook.AlertStatus), hook.DisabledUntil);
        }
    }

    /// <summary>The groups that the token's user owns: only their hooks may be seen.</summary>
    public async IAsyncEnumerable<GitLabHookOwner> ListOwnedGroupsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // 50 is Owner (doc/api/members.md).
        var first = _transport.At("groups?min_access_level=50&per_page=100");
        await foreach (var group in ListAsync(first, "the groups", GitLabJson.Default.ListGroupJson, null, cancellationToken))
        {
            yield return new GitLabHookOwner(IsGroup: true, group.Id, group.FullPath);
        }
    }

    /// <summary>
    /// Has GitLab send a sample to a hook, also to a disabled one, which a 2xx of its receiver enables again. Since GitLab 16.11, for groups
    /// since 17.1; 5 a minute for each project or group. Needs the scope <c>api</c>.
    /// </summary>
    /// <param name="trigger">E.g. <c>push_events</c>: what the sample looks like, whatever the hook is subscribed to.</param>
    public async Task<GitLabHookTest> TestHookAsync(GitLabHookOwner owner, long hookId, string trigger, CancellationToken cancellationToken)
    {
        var url = _transport.At($"{PathOf(owner)}/hooks/{hookId}/test/{trigger}");
        var answer = await _transport.SendAsync(HttpMethod.Post, url, $"a test of hook {hookId} of {owner}", new EmptyJson(), GitLabJson.Default.EmptyJson,
            code => (int)code is >= 400 and < 500, cancellationToken);
        var said = GitLabFaults.Words(answer.Body) is { Length: > 0 } words ? Printable.Text(words, 200) : $"status {(int)answer.Status}";
        return answer.Status switch
        {
            < HttpStatusCode.BadRequest => new GitLabHookTest(GitLabHookTestOutcome.Passed, ""),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new GitLabHookTest(GitLabHookTestOutcome.Denied, said),
            HttpStatusCode.NotFound => new GitLabHookTest(GitLabHookTestOutcome.Unknown, said),
            _ => new GitLabHookTest(GitLabHookTestOutcome.Failed, said),
        };
    }

    private static string PathOf(GitLabHookOwner owner) => $"{(owner.IsGroup ? "groups" : "projects")}/{owner.Id}";

    /// <summary>GitLab before 15.0 does not say, and disables no hook for good.</summary>
    private static GitLabHookAlert ToAlert(string? status) => status switch
    {
        "temporarily_disabled" => GitLabHookAlert.TemporarilyDisabled,
        "disabled" => GitLabHookAlert.Disabled,
        _ => GitLabHookAlert.Executable,
    };
}
