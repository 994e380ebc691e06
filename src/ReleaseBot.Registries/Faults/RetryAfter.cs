namespace ReleaseBot.Registries;

/// <summary>The Retry-After header of RFC 9110 §10.2.3: seconds or an HTTP date.</summary>
internal static class RetryAfter
{
    /// <summary>Longer pauses than this are a mistake of the other side.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    public static TimeSpan? Read(HttpResponseMessage response, DateTimeOffset now)
    {
        var header = response.Headers.RetryAfter;
        var pause = header?.Delta ?? (header?.Date - now);
        return pause switch
        {
            null => null,
            { Ticks: < 0 } => TimeSpan.Zero,
            { } value when value > Longest => Longest,
            { } value => value,
        };
    }
}
