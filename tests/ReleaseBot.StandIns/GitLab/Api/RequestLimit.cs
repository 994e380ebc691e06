using System.Globalization;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>
/// GitLab's limit for all API requests of a user: Rack::Attack's fixed windows, with the headers on every answer
/// (doc/administration/settings/user_and_ip_rate_limits.md; lib/gitlab/rack_attack.rb).
/// </summary>
internal sealed class RequestLimit(int limit, TimeSpan window)
{
    private readonly Lock _lock = new();
    private long _window;
    private int _observed;

    /// <summary>The most that came in one window.</summary>
    public int Most { get; private set; }

    /// <summary>Counts the request. False when it was answered with 429.</summary>
    public async Task<bool> AdmitAsync(HttpContext context)
    {
        var seconds = (long)window.TotalSeconds;
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        int observed;
        lock (_lock)
        {
            if (_window != now / seconds)
            {
                (_window, _observed) = (now / seconds, 0);
            }

            observed = ++_observed;
            Most = Math.Max(Most, observed);
        }

        var reset = (now / seconds + 1) * seconds;
        var headers = context.Response.Headers;
        headers["RateLimit-Name"] = "throttle_authenticated_api";
        // For each minute, whatever the window is.
        headers["RateLimit-Limit"] = Text((long)Math.Ceiling(limit * 60.0 / seconds));
        headers["RateLimit-Observed"] = Text(observed);
        headers["RateLimit-Remaining"] = Text(Math.Max(0, limit - observed));
        headers["RateLimit-Reset"] = Text(reset);
        headers["Date"] = TimeProvider.System.GetUtcNow().ToString("R", CultureInfo.InvariantCulture);
        if (observed <= limit)
        {
            return true;
        }

        headers["RateLimit-ResetTime"] = DateTimeOffset.FromUnixTimeSeconds(reset).ToString("R", CultureInfo.InvariantCulture);
        headers.RetryAfter = Text(reset - now);
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.ContentType = "text/plain";
        await context.Response.WriteAsync("Retry later\n");
        return false;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
