using CsCheck;
using ReleaseBot.Notifications;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Notifications;

public sealed class NotificationBackoffTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 10)]
    [InlineData(5, 80)]
    [InlineData(10, 2560)]
    [InlineData(11, 3600)]
    [InlineData(39, 3600)]
    public void Waits_Double_To_An_Hour_And_Are_Shortened_By_A_Half_At_Most(int attempts, double seconds)
    {
        NotificationBackoff.Next(attempts, null, new FixedRandom(0)).ShouldBe(TimeSpan.FromSeconds(seconds / 2));
        NotificationBackoff.Next(attempts, null, new FixedRandom(1)).ShouldBe(TimeSpan.FromSeconds(seconds));
    }

    [Fact]
    public void It_Gives_Up_After_About_A_Day()
    {
        NotificationBackoff.Next(NotificationBackoff.MaxAttempts, null, new Random(1)).ShouldBeNull();
        NotificationBackoff.Next(int.MaxValue, TimeSpan.Zero, new Random(1)).ShouldBeNull();

        var waits = Enumerable.Range(1, NotificationBackoff.MaxAttempts - 1).Select(attempts => NotificationBackoff.Next(attempts, null, new FixedRandom(0.5))!.Value);
        waits.Aggregate(TimeSpan.Zero, (sum, wait) => sum + wait).ShouldBeInRange(TimeSpan.FromHours(22), TimeSpan.FromHours(25));
    }

    [Fact]
    public void What_A_Channel_Asks_For_Is_Never_Undercut_Up_To_An_Hour() =>
        Gen.Select(Gen.Int[1, NotificationBackoff.MaxAttempts - 1], Gen.Int[0, 100_000], Gen.Int).Sample((attempts, seconds, seed) =>
        {
            var asked = TimeSpan.FromSeconds(seconds);
            var wait = NotificationBackoff.Next(attempts, asked, new Random(seed))!.Value;
            wait.ShouldBeGreaterThanOrEqualTo(asked < Hour ? asked : Hour);
            wait.ShouldBeLessThanOrEqualTo(Hour * 1.1);
        });

    [Fact]
    public void Before_The_First_Attempt_There_Is_Nothing_To_Wait_For() =>
        Should.Throw<ArgumentOutOfRangeException>(() => NotificationBackoff.Next(0, null, new Random(1)));

    private sealed class FixedRandom(double value) : Random
    {
        public override double NextDouble() => value;
    }
}
