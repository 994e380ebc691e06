using CsCheck;
using ReleaseBot.Configuration;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Configuration;

public sealed class SettingTypeTests
{
    [Theory]
    [InlineData("00:05:00", 300)]
    [InlineData("24:00:00", 86_400)]
    [InlineData("90.00:00:00", 7_776_000)]
    [InlineData("1.12:00:00", 129_600)]
    [InlineData("00:00:01.5", 1.5)]
    [InlineData("500ms", 0.5)]
    [InlineData("90s", 90)]
    [InlineData("15m", 900)]
    [InlineData("15 min", 900)]
    [InlineData("2h", 7_200)]
    [InlineData("7d", 604_800)]
    public void A_Duration_Is_Read_In_Both_Forms(string text, double seconds)
    {
        Durations.TryParse(text, out var duration).ShouldBeTrue();
        duration.ShouldBe(TimeSpan.FromSeconds(seconds));
    }

    [Theory]
    [InlineData("5")]
    [InlineData("")]
    [InlineData("-00:05:00")]
    [InlineData("00:60:00")]
    [InlineData("5:00")]
    [InlineData("5 years")]
    [InlineData("999999d")]
    public void Anything_Else_Is_No_Duration(string text) => Durations.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void Every_Duration_That_Dotnet_Writes_Is_Read_As_The_Same() =>
        Gen.Long[0, TimeSpan.FromDays(30_000).Ticks].Sample(ticks =>
            Durations.TryParse(TimeSpan.FromTicks(ticks).ToString("c"), out var duration) && duration.Ticks == ticks);

    [Theory]
    [InlineData("26214400", 26_214_400)]
    [InlineData("20GB", 20_000_000_000)]
    [InlineData("20GiB", 21_474_836_480)]
    [InlineData("1.5 kb", 1_500)]
    [InlineData("2MiB", 2_097_152)]
    [InlineData("1TB", 1_000_000_000_000)]
    [InlineData("7B", 7)]
    public void A_Size_Has_Decimal_Or_Binary_Units(string text, long bytes)
    {
        ByteSizes.TryParse(text, out var size).ShouldBeTrue();
        size.ShouldBe(bytes);
    }

    [Theory]
    [InlineData("GB")]
    [InlineData("-1")]
    [InlineData("20 gigabytes")]
    [InlineData("999999999999TB")]
    public void Anything_Else_Is_No_Size(string text) => ByteSizes.TryParse(text, out _).ShouldBeFalse();

    [Theory]
    [InlineData("Tokn", "Token")]
    [InlineData("webhok", "Webhook")]
    [InlineData("Ulr", "Url")]
    [InlineData("Something", null)]
    [InlineData("X", null)]
    public void The_Nearest_Name_Is_The_One_With_The_Fewest_Edits(string typed, string? expected) =>
        NearestName.Find(typed, ["Url", "Token", "CaFile", "Webhook"]).ShouldBe(expected);

    [Fact]
    public void A_Distance_Is_The_Same_Both_Ways_And_Zero_Only_For_Equals() =>
        Gen.Select(Gen.String[Gen.Char['a', 'd'], 0, 6], Gen.String[Gen.Char['a', 'd'], 0, 6]).Sample((left, right) =>
            NearestName.Distance(left, right) == NearestName.Distance(right, left) && NearestName.Distance(left, right) == 0 == (left == right));
}
