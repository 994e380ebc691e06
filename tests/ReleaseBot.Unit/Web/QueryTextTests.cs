using System.Globalization;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Web;

public sealed class QueryTextTests
{
    [Theory]
    [InlineData("2026-11-26T12:00:00Z", "2026-11-26T12:00:00Z")]
    [InlineData("2026-11-26T12:00:00.1234567Z", "2026-11-26T12:00:00.1234567Z")]
    [InlineData("2026-11-26T12:00:00+02:00", "2026-11-26T10:00:00Z")]
    [InlineData("2026-11-26T12:00:00-05:00", "2026-11-26T17:00:00Z")]
    [InlineData("2026-11-26T12:00:00 02:00", "2026-11-26T10:00:00Z")]
    [InlineData("2026-11-26T12:00:00.5 02:00", "2026-11-26T10:00:00.5Z")]
    [InlineData("2026-11-26 12:00", null)]
    [InlineData("2026-11-26+12:00", null)]
    [InlineData("2026-11-26 12:00:00", null)]
    [InlineData("2026-11-26 12:00:00Z", null)]
    [InlineData("2026-11-26T12:00 02:00", "2026-11-26T10:00:00Z")]
    [InlineData("2026-11-26T12:00:00  02:00", null)]
    [InlineData("2026-11-26T12:00:00 99:00", null)]
    [InlineData("2026-11-26T12:00:00", "2026-11-26T12:00:00Z")]
    [InlineData("2026-11-26T25:00:00Z", null)]
    [InlineData("2026-02-30T12:00:00Z", null)]
    [InlineData("2026-11-26", "2026-11-26T00:00:00Z")]
    [InlineData("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z")]
    [InlineData("9999-12-31T23:59:59-01:00", null)]
    [InlineData("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z")]
    [InlineData("1969-12-31T23:59:59Z", null)]
    [InlineData("yesterday", null)]
    public void A_Time_Is_Taken_As_It_Was_Meant_Or_Refused(string text, string? expected)
    {
        QueryText query = new();

        var time = query.Time("at", text);

        (time?.UtcDateTime, query.Problem is null).ShouldBe(
            (expected is null ? null : DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).UtcDateTime, expected is not null));
    }
}
