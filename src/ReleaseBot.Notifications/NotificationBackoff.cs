namespace ReleaseBot.Notifications;

/// <summary>When a message is tried again: after 5 s, doubling up to an hour, each wait shortened at random by up to a half; about a day in all.</summary>
public static class NotificationBackoff
{
    /// <summary>After so many failed attempts a message is given up. With the waits below that is 15 to 30 hours, 23 on average.</summary>
    public const int MaxAttempts = 40;

    private static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>The wait before the next attempt, or null when it is time to give up.</summary>
    /// <param name="attempts">Attempts made so far, 1 or more.</param>
    /// <param name="retryAfter">What the channel asked for. It is never undercut, but counts as an hour at the most, so that no channel can park a message for good.</param>
    /// <param name="random">Spreads messages that failed at the same moment.</param>
    public static TimeSpan? Next(int attempts, TimeSpan? retryAfter, Random random)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempts, 1);
        if (attempts >= MaxAttempts)
        {
            return null;
        }

        var doublings = Math.Min(attempts - 1, 10);
        var wait = Shorter(First * (1 << doublings), Longest) * (0.5 + (random.NextDouble() / 2));
        var asked = Shorter(retryAfter ?? TimeSpan.Zero, Longest) * (1 + (random.NextDouble() / 10));
        return wait > asked ? wait : asked;
    }

    private static TimeSpan Shorter(TimeSpan left, TimeSpan right) => left < right ? left : right;
}
