namespace ReleaseBot.Core;

/// <summary>Growing, jittered waits with a cap, for things that are away and will come back.</summary>
public static class Backoff
{
    /// <param name="tries">Tries that have failed so far in a row, from 0.</param>
    /// <param name="asked">What the other side asked for (<c>Retry-After</c>); never waited for less.</param>
    public static TimeSpan Next(int tries, TimeSpan first, TimeSpan cap, TimeSpan? asked)
    {
        var grown = Math.Min(first.TotalSeconds * Math.Pow(2, Math.Min(tries, 30)), cap.TotalSeconds);
        var wait = TimeSpan.FromSeconds(grown * (0.75 + Random.Shared.NextDouble() * 0.25));
        return asked is { } least && least > wait ? least : wait;
    }
}
