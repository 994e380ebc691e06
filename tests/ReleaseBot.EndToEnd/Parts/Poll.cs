using Xunit;

namespace ReleaseBot.EndToEnd.Parts;

/// <summary>Asks again and again until something is so; when the time is up, tells what was so instead.</summary>
internal static class Poll
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public static async Task<T> UntilAsync<T>(string what, Func<Task<T>> ask, Func<T, bool> isSo, Func<T, string> describe)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var state = await ask();
            if (isSo(state))
            {
                return state;
            }

            if (TimeProvider.System.GetElapsedTime(started) > Limit)
            {
                throw new TimeoutException($"It was waited for {what} for {Limit.TotalSeconds} s, but: {describe(state)}");
            }

            await Task.Delay(Pause, TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    public static Task UntilAsync(string what, Func<bool> isSo, Func<string> describe) =>
        UntilAsync(what, () => Task.FromResult(isSo()), so => so, _ => describe());
}
