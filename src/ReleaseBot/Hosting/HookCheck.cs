using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.Web;

namespace ReleaseBot.Hosting;

/// <summary>How far <c>check</c> goes in its look at hooks.</summary>
/// <param name="Time">Below the limit of a check, so that what was seen until then is told.</param>
/// <param name="Owners">Projects and groups, each of which costs a request; the latest active come first.</param>
internal sealed record HookCheckBounds(TimeSpan Time, int Owners)
{
    public static HookCheckBounds Usual { get; } = new(TimeSpan.FromSeconds(25), 5000);
}

/// <summary>Asks GitLab whether it has disabled hooks of ours, in every project that an entry of Projects matches and in the groups that the token's user owns.</summary>
internal sealed class HookCheck
{
    private const int AtOnce = 8;
    private const int MostNamed = 5;

    private readonly ReleaseBotSettings _settings;
    private readonly GitLabClient _gitLab;
    private readonly HookCheckBounds _bounds;
    private readonly Lock _gate = new();
    private readonly Dictionary<(bool IsGroup, long Id), GitLabHookOwner> _owners = [];
    private readonly List<string> _off = [];
    private int _looked;
    private int _hidden;

    /// <summary>Why not all were looked at; null where they were.</summary>
    private string? _cut;

    private HookCheck(ReleaseBotSettings settings, GitLabClient gitLab, HookCheckBounds bounds) => (_settings, _gitLab, _bounds) = (settings, gitLab, bounds);

    public static async Task<CheckResult> AskAsync(
        ReleaseBotSettings settings, GitLabClient gitLab, HookCheckBounds bounds, TimeProvider time, CancellationToken cancellationToken)
    {
        var check = new HookCheck(settings, gitLab, bounds);
        using var limit = new CancellationTokenSource(bounds.Time, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await check.FindOwnersAsync(either.Token);
            await check.LookAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            check._cut = $"the {bounds.Time.TotalSeconds:F0} s for it were over";
        }

        return check.Judge();
    }

    private async Task FindOwnersAsync(CancellationToken cancellationToken)
    {
        var exact = _settings.Projects.Where(rule => rule.Path.IsExact).Select(rule => rule.Path.Pattern).Distinct(StringComparer.OrdinalIgnoreCase);
        await Parallel.ForEachAsync(exact, Options(cancellationToken), async (path, token) =>
        {
            if (await _gitLab.GetProjectAsync(path, token) is { } project)
            {
                Add(new GitLabHookOwner(IsGroup: false, project.Id, project.Path));
            }
        });
        await foreach (var group in _gitLab.ListOwnedGroupsAsync(cancellationToken))
        {
            Add(group);
        }

        if (_settings.Projects.All(rule => rule.Path.IsExact))
        {
            return;
        }

        await foreach (var project in _gitLab.ListProjectsAsync(cancellationToken))
        {
            if (ReleasePlanner.RuleFor(project.Path, _settings.Projects) is not null)
            {
                Add(new GitLabHookOwner(IsGroup: false, project.Id, project.Path));
            }
        }
    }

    private Task LookAsync(CancellationToken cancellationToken)
    {
        if (_owners.Count > _bounds.Owners)
        {
            _cut = $"{_bounds.Owners} are looked at at the most";
        }

        return Parallel.ForEachAsync(_owners.Values.Take(_bounds.Owners), Options(cancellationToken), async (owner, token) =>
        {
            var found = await HookAddress.DisabledAsync(_gitLab, owner, _settings.PublicUrl, token);
            lock (_gate)
            {
                _looked++;
                _hidden += found is null ? 1 : 0;
                _off.AddRange((found ?? []).Select(hook => $"hook {hook.Id} of {owner} ({HookAddress.Text(hook.Alert)})"));
            }
        });
    }

    private void Add(GitLabHookOwner owner)
    {
        lock (_gate)
        {
            _owners.TryAdd((owner.IsGroup, owner.Id), owner);
        }
    }

    private static ParallelOptions Options(CancellationToken cancellationToken) => new() { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };

    private CheckResult Judge()
    {
        var left = _cut is null ? "" : $"; {_owners.Count - _looked} or more were not looked at: {_cut}";
        if (_off.Count > 0)
        {
            var more = _off.Count > MostNamed ? $" and {_off.Count - MostNamed} more" : "";
            return CheckResult.Failed(
                $"GitLab has disabled {_off.Count} and sends us nothing there: {string.Join(", ", _off.Order(StringComparer.Ordinal).Take(MostNamed))}{more}{left}",
                "See the hook's recent events in GitLab (Settings > Webhooks) for why it failed, then press Test; serve does that itself where the token has the scope api.");
        }

        return (_looked, _cut) switch
        {
            (0, null) => CheckResult.Doubt(
                "no project is known whose hooks could be looked at", "Give GitLab:Token access to a project that an entry of Projects matches."),
            _ when _looked > 0 && _looked == _hidden => CheckResult.Doubt(
                $"the token may not see the hooks of any of {_looked} projects and groups{left}", "With a Maintainer's role ReleaseBot notices hooks that GitLab has disabled."),
            (_, null) => CheckResult.Ok($"GitLab has disabled none of ours in {Seen()}"),
            _ => CheckResult.Doubt($"GitLab has disabled none of ours in {Seen()}{left}", "serve looks at all of them, round by round: see GET /api/v1/reconcile."),
        };
    }

    private string Seen() => $"{_looked - _hidden} projects and groups{(_hidden > 0 ? $"; {_hidden} can't be seen with this token" : "")}";
}
