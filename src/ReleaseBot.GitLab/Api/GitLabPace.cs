using System.Globalization;

namespace ReleaseBot.GitLab;

/// <summary>What a series of requests has cost since <see cref="GitLabPace.Begin"/>.</summary>
/// <param name="Requests">Sent; GitLab counts a 304 as any other.</param>
/// <param name="NotModified">Answered with 304.</param>
/// <param name="Waited">For the rate limit.</param>
/// <param name="WaitsUntil">Null unless it waits just now.</param>
public sealed record GitLabCost(int Requests, int NotModified, TimeSpan Waited, DateTimeOffset? WaitsUntil);

/// <summary>
/// Keeps a long series of requests to half of GitLab's rate limit: the other half is for verification, for people and for whatever else
/// has the same user. Goes by the headers of each answer, which also tell what others have used: at the reserve it pauses until the
/// window is over, and after a 429 as long as Retry-After says. A GitLab without a limit sends no headers and is not waited for.
/// </summary>
/// <seealso href="https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/"/>
public sealed class GitLabPace(TimeProvider time)
{
    /// <summary>Of the window's requests, those that are left to others.</summary>
    private const double Reserve = 0.5;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private DateTimeOffset _notBefore = DateTimeOffset.MinValue;
    private DateTimeOffset _waitedUntil = DateTimeOffset.MinValue;
    private (long Reset, DateTimeOffset EndsAt, long Quota, long Remaining)? _window;
    private int _refusals;
    private int _requests;
    private int _notModified;
    private TimeSpan _waited;

    public GitLabCost Cost
    {
        get
        {
            lock (_lock)
            {
                return new GitLabCost(_requests, _notModified, _waited, _waitedUntil > time.GetUtcNow() ? _waitedUntil : null);
            }
        }
    }

    /// <summary>Counts from zero. What is known of the limit stays.</summary>
    public void Begin()
    {
        lock (_lock)
        {
            (_requests, _notModified, _waited) = (0, 0, TimeSpan.Zero);
        }
    }

    /// <summary>Waits until one more request is ours to make.</summary>
    internal async Task TakeAsync(CancellationToken cancellationToken)
    {
        while (Take() is { } wait)
        {
            await Task.Delay(wait, time, cancellationToken);
        }
    }

    internal void Observe(HttpResponseMessage response)
    {
        lock (_lock)
        {
            if (response.StatusCode == System.Net.HttpStatusCode.NotModified)
            {
                _notModified++;
            }

            if ((int)response.StatusCode < 400)
            {
                _refusals = 0;
            }

            if (Number(response, "RateLimit-Remaining") is not { } remaining || Number(response, "RateLimit-Reset") is not { } reset)
            {
                return;
            }

            if (_window is { } known && known.Reset >= reset)
            {
                // What is under way is off our count already, and an older answer may come later.
                _window = known.Reset == reset ? known with { Remaining = Math.Min(known.Remaining, remaining) } : known;
                return;
            }

            // By GitLab's own clock; ours may be another.
            var now = time.GetUtcNow();
            var left = TimeSpan.FromSeconds(Math.Clamp(reset - (response.Headers.Date ?? now).ToUnixTimeSeconds(), 0, (long)GitLabFaults.LongestWait.TotalSeconds));
            // RateLimit-Limit is for a minute, whatever the window is; these two are of the window.
            var quota = Number(response, "RateLimit-Observed") is { } observed ? observed + remaining : Math.Max(remaining, Number(response, "RateLimit-Limit") ?? 0);
            _window = (reset, now + left, quota, remaining);
        }
    }

    /// <summary>A 429: nothing is sent before the pause is over.</summary>
    internal void Refused(TimeSpan? retryAfter)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (_notBefore <= now)
            {
                _refusals++;
            }

            // GitLab's application limits name no time.
            var guess = TimeSpan.FromTicks(Math.Min(LongestPause.Ticks, FirstPause.Ticks << Math.Min(_refusals - 1, 10)));
            var pause = retryAfter is { } told ? (told > ShortestPause ? told : ShortestPause) : guess;
            _notBefore = now + pause > _notBefore ? now + pause : _notBefore;
        }
    }

    /// <summary>Null where the request is ours, else how long to wait before asking again.</summary>
    private TimeSpan? Take()
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (_window is { } over && over.EndsAt <= now)
            {
                // The next answer names the new one.
                _window = over with { Remaining = over.Quota, EndsAt = DateTimeOffset.MaxValue };
            }

            var until = _notBefore;
            if (_window is { } window && window.Remaining <= window.Quota * Reserve && window.EndsAt > until)
            {
                until = window.EndsAt;
            }

            if (until <= now)
            {
                _requests++;
                _window = _window is { } open ? open with { Remaining = open.Remaining - 1 } : null;
                return null;
            }

            var from = _waitedUntil > now ? _waitedUntil : now;
            if (until > from)
            {
                _waited += until - from;
                _waitedUntil = until;
            }

            var wait = until - now;
            return wait > ShortestPause ? wait : ShortestPause;
        }
    }

    private static long? Number(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values)
        && long.TryParse(values.FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
