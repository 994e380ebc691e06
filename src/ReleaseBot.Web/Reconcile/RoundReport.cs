using System.ComponentModel;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

internal sealed record RoundProjectsJson(
    [property: Description("Those that a rule matches.")] int Seen,
    [property: Description("Whose tags were asked for.")] int Looked,
    [property: Description("Without activity since the last look, and looked at within the day.")] int Unchanged,
    [property: Description("Known for the first time: their tags became their baseline.")] int New,
    int Failed);

internal sealed record RoundFailureJson(string Project, string Message);

internal sealed record MissingTagJson(string Project, string Tag, [property: Description("The release that was made of it.")] Guid Release);

internal sealed record RoundHooksJson(
    [property: Description("Projects and groups whose hooks were asked for.")] int Asked,
    [property: Description("Of these, those whose hooks the token may not see: it needs a Maintainer's role in the project.")] int Denied,
    [property: Description("Disabled hooks that were found.")] int Disabled,
    [property: Description("Test requests that GitLab sent and that we took, which enables a hook.")] int Enabled);

/// <summary>What one round of reconciling found and cost.</summary>
internal sealed record RoundJson(
    long Number,
    DateTimeOffset StartedAt,
    [property: Description("Null while it goes on.")] DateTimeOffset? FinishedAt,
    [property: Description("False while it goes on, and where it was stopped or GitLab's list of projects broke off.")] bool IsComplete,
    RoundProjectsJson Projects,
    [property: Description("The first 100.")] IReadOnlyList<RoundFailureJson> Failures,
    [property: Description("Tags that no hook told of.")] int MissingTags,
    [property: Description("The first 200 of them.")] IReadOnlyList<MissingTagJson> Missing,
    RoundHooksJson Hooks,
    [property: Description("Sent to GitLab.")] int Requests,
    [property: Description("Of these, answered with 304.")] int NotModified,
    [property: Description("For GitLab's rate limit.")] double WaitedSeconds,
    [property: Description("Until when it waits for the rate limit now.")] DateTimeOffset? WaitsUntil);

/// <summary>Gathers what a round finds, from several tasks at once.</summary>
internal sealed class RoundReport(ReconcileRound round)
{
    private const int MaxFailures = 100;
    private const int MaxMissing = 200;

    private readonly Lock _lock = new();
    private readonly List<RoundFailureJson> _failures = [];
    private readonly List<MissingTagJson> _missing = [];
    private int _seen;
    private int _looked;
    private int _unchanged;
    private int _new;
    private int _failed;
    private int _missingTags;
    private int _hooksAsked;
    private int _hooksDenied;
    private int _hooksDisabled;
    private int _hooksEnabled;
    private bool _isCut;

    public long Number => round.Number;

    public int MissingTags => _missingTags;

    public void Seen() => Interlocked.Increment(ref _seen);

    public void Looked() => Interlocked.Increment(ref _looked);

    public void Unchanged() => Interlocked.Increment(ref _unchanged);

    public void Baseline() => Interlocked.Increment(ref _new);

    public void HooksAsked() => Interlocked.Increment(ref _hooksAsked);

    public void HooksDenied() => Interlocked.Increment(ref _hooksDenied);

    public void HookDisabled() => Interlocked.Increment(ref _hooksDisabled);

    public void HookEnabled() => Interlocked.Increment(ref _hooksEnabled);

    /// <summary>Not all projects were seen.</summary>
    public bool IsCut => _isCut;

    public void Cut() => _isCut = true;

    public void Failed(string project, string message)
    {
        lock (_lock)
        {
            _failed++;
            if (_failures.Count < MaxFailures)
            {
                _failures.Add(new RoundFailureJson(project, message));
            }
        }
    }

    public void Missing(string project, string tag, Guid release)
    {
        lock (_lock)
        {
            _missingTags++;
            if (_missing.Count < MaxMissing)
            {
                _missing.Add(new MissingTagJson(project, tag, release));
            }
        }
    }

    public RoundJson ToJson(GitLabCost cost, DateTimeOffset? finishedAt)
    {
        lock (_lock)
        {
            return new RoundJson(
                round.Number, round.StartedAt, finishedAt, finishedAt is not null && !_isCut,
                new RoundProjectsJson(_seen, _looked, _unchanged, _new, _failed), [.. _failures], _missingTags, [.. _missing],
                new RoundHooksJson(_hooksAsked, _hooksDenied, _hooksDisabled, _hooksEnabled),
                cost.Requests, cost.NotModified, Math.Round(cost.Waited.TotalSeconds, 1), finishedAt is null ? cost.WaitsUntil : null);
        }
    }
}
