namespace ReleaseBot.StandIns.GitLab.Hooks;

/// <summary>A hook's failures and what GitLab makes of them (app/models/concerns/web_hooks/auto_disabling.rb).</summary>
internal sealed class HookHealth(bool isDisabledByFailures)
{
    private const int LongestBackoffMinutes = 24 * 60;
    private const int Grace = 3;
    private const int LastTemporary = 39;

    private readonly Lock _lock = new();
    private int _failures;
    private DateTimeOffset? _disabledUntil;

    public bool IsExecutable => AlertStatus == "executable";

    public string AlertStatus
    {
        get
        {
            lock (_lock)
            {
                return _failures > LastTemporary ? "disabled"
                    : _failures > Grace && _disabledUntil >= TimeProvider.System.GetUtcNow() ? "temporarily_disabled"
                    : "executable";
            }
        }
    }

    public DateTimeOffset? DisabledUntil
    {
        get
        {
            lock (_lock)
            {
                return _disabledUntil;
            }
        }
    }

    /// <summary>A success enables the hook, a test's too.</summary>
    public void Record(bool isSuccess)
    {
        if (isSuccess)
        {
            SetFailures(0);
        }
        else if (isDisabledByFailures && IsExecutable)
        {
            SetFailures(_failures + 1);
        }
    }

    public void SetFailures(int failures)
    {
        lock (_lock)
        {
            _failures = Math.Min(failures, LastTemporary + 1);
            _disabledUntil = _failures > Grace
                ? TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(Math.Min(Math.Pow(2, _failures - Grace - 1), LongestBackoffMinutes))
                : null;
        }
    }
}
