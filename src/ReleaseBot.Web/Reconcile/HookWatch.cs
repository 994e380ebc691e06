using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>
/// Finds the hooks of ours that GitLab has disabled, tells so once, and has GitLab send them a sample, which enables them. The sample is one
/// that can publish nothing, see <see cref="SampleFor"/>.
/// </summary>
internal sealed partial class HookWatch(
    GitLabClient gitLab, DisabledHooks disabled, ReleaseBotSettings settings, TimeProvider time, ILogger<HookWatch> logger)
{
    /// <summary>After a test was refused to the token: it may have got a scope since.</summary>
    private static readonly TimeSpan DeniedFor = TimeSpan.FromDays(1);
    private static readonly TimeSpan GroupsLook = TimeSpan.FromHours(1);

    private DateTimeOffset _testDeniedUntil;
    private DateTimeOffset _nextGroupsAt;
    private IReadOnlyList<GitLabHookOwner> _groups = [];
    private int _toldHidden;

    /// <summary>Looks at the hooks of a project. False where the token may not see them.</summary>
    public Task<bool> LookAsync(GitLabProject project, ProjectRule rule, RoundReport report, CancellationToken cancellationToken) =>
        LookAsync(new GitLabHookOwner(IsGroup: false, project.Id, project.Path), SampleFor(rule, project.DefaultBranch), report, cancellationToken);

    /// <summary>Looks at the hooks of the groups that we own, once an hour; at those with a disabled hook in every round.</summary>
    public async Task LookAtGroupsAsync(IReadOnlySet<long> withDisabledHook, RoundReport report, CancellationToken cancellationToken)
    {
        var isDue = _nextGroupsAt <= time.GetUtcNow();
        try
        {
            if (isDue)
            {
                _groups = await gitLab.ListOwnedGroupsAsync(cancellationToken).ToListAsync(cancellationToken);
                _nextGroupsAt = time.GetUtcNow() + GroupsLook;
            }
        }
        catch (GitLabException exception)
        {
            report.Failed("the list of groups", exception.Message);
            return;
        }

        foreach (var group in _groups.Where(group => isDue || withDisabledHook.Contains(group.Id)))
        {
            try
            {
                await LookAsync(group, SampleForGroup(settings.Projects), report, cancellationToken);
            }
            catch (GitLabException exception)
            {
                report.Failed($"group {group.Path}", exception.Message);
            }
        }
    }

    /// <summary>
    /// A push sample names the head of the default branch: ignored unless a rule publishes that branch. A sample of a tag push may name a tag
    /// of the baseline, and would publish it; one of an expiring access token is an event that is never ours.
    /// </summary>
    internal static string SampleFor(ProjectRule rule, string? defaultBranch) =>
        defaultBranch is { } branch && !rule.Branches.Any(pattern => pattern.Matches(branch)) ? PushSample : TokenSample;

    /// <summary>GitLab chooses the project of a group's sample.</summary>
    internal static string SampleForGroup(IReadOnlyList<ProjectRule> rules) => rules.All(rule => rule.Branches.Count == 0) ? PushSample : TokenSample;

    private const string PushSample = "push_events";
    private const string TokenSample = "resource_access_token_events";

    private async Task<bool> LookAsync(GitLabHookOwner owner, string sample, RoundReport report, CancellationToken cancellationToken)
    {
        report.HooksAsked();
        var seen = await HookAddress.DisabledAsync(gitLab, owner, settings.PublicUrl, cancellationToken);
        if (seen is null)
        {
            report.HooksDenied();
            if (Interlocked.Exchange(ref _toldHidden, 1) == 0)
            {
                Log.Hidden(logger, owner.ToString());
            }
        }

        var off = seen ?? [];
        var (became, recovered) = await disabled.RecordAsync(
            owner.IsGroup, owner.Id, owner.Path, [.. off.Select(hook => new DisabledHookState(hook.Id, HookAddress.Text(hook.Alert), hook.DisabledUntil))], cancellationToken);
        foreach (var hook in off.Where(hook => became.Contains(hook.Id)))
        {
            Log.Disabled(logger, hook.Id, owner.ToString(), HookAddress.Text(hook.Alert));
        }

        foreach (var hook in seen is null ? [] : recovered)
        {
            Log.Recovered(logger, hook, owner.ToString());
        }

        foreach (var hook in off)
        {
            report.HookDisabled();
            await EnableAsync(owner, hook, sample, report, cancellationToken);
        }

        return seen is not null;
    }

    private async Task EnableAsync(GitLabHookOwner owner, GitLabHook hook, string sample, RoundReport report, CancellationToken cancellationToken)
    {
        if (_testDeniedUntil > time.GetUtcNow())
        {
            return;
        }

        var test = await gitLab.TestHookAsync(owner, hook.Id, sample, cancellationToken);
        if (test.Outcome == GitLabHookTestOutcome.Passed)
        {
            report.HookEnabled();
        }
        else if (test.Outcome is GitLabHookTestOutcome.Denied or GitLabHookTestOutcome.Unknown)
        {
            _testDeniedUntil = time.GetUtcNow() + DeniedFor;
            Log.TestDenied(logger, hook.Id, owner.ToString(), test.Said);
        }

        await disabled.RecordAttemptAsync(owner.IsGroup, owner.Id, hook.Id, Words(test), cancellationToken);
    }

    private static string Words(GitLabHookTest test) => test.Outcome switch
    {
        GitLabHookTestOutcome.Passed => "GitLab sent a sample and we took it: the hook should be enabled",
        GitLabHookTestOutcome.Failed => $"GitLab could not deliver a sample: {test.Said}",
        GitLabHookTestOutcome.Denied => $"the token may not have it tested (it needs the scope api): {test.Said}",
        GitLabHookTestOutcome.Unknown => $"this GitLab can't test it over the API (since 16.11): {test.Said}",
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "GitLab has disabled hook {Hook} of {Owner} ({Status}): it sends us nothing, and what it would have sent is found by reconciling alone. See the hook's recent events in GitLab.")]
        public static partial void Disabled(ILogger logger, long hook, string owner, string status);

        [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "Hook {Hook} of {Owner} is well again.")]
        public static partial void Recovered(ILogger logger, long hook, string owner);

        [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "The token may not see the hooks of {Owner}: a disabled one is not noticed there. It needs a Maintainer's role. This is said once, /api/v1/reconcile counts them.")]
        public static partial void Hidden(ILogger logger, string owner);

        [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "Hook {Hook} of {Owner} can't be enabled from here: {Said}. Enable it by its test button in GitLab, or give the token the scope api. This is said once a day.")]
        public static partial void TestDenied(ILogger logger, long hook, string owner, string said);
    }
}
