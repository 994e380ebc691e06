using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

public sealed class BackoffTests
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Cap = TimeSpan.FromMinutes(10);

    [Fact]
    public void Waits_Grow_To_A_Cap_And_Are_Spread()
    {
        for (var tries = 0; tries < 100; tries++)
        {
            var full = Math.Min(First.TotalSeconds * Math.Pow(2, Math.Min(tries, 30)), Cap.TotalSeconds);
            var waits = Enumerable.Range(0, 50).Select(_ => Backoff.Next(tries, First, Cap, asked: null).TotalSeconds).ToList();

            waits.ShouldAllBe(wait => wait >= full * 0.75 && wait <= full, $"after {tries} tries");
            waits.Distinct().Count().ShouldBeGreaterThan(1, "those who wait for the same do not come back all at once");
        }
    }

    [Fact]
    public void Nobody_Comes_Back_Sooner_Than_He_Was_Asked_To()
    {
        Backoff.Next(0, First, Cap, asked: TimeSpan.FromHours(1)).ShouldBe(TimeSpan.FromHours(1));
        Backoff.Next(0, First, Cap, asked: TimeSpan.FromSeconds(1)).ShouldBeGreaterThan(TimeSpan.FromSeconds(7));
    }
}
