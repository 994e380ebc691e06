using CsCheck;
using ReleaseBot.Core;
using ReleaseBot.Notifications;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Notifications;

public sealed class ChannelWordsTests
{
    private const string Path = "/services/T0AAAAAA1/B0BBBBBB2/c0ffee0000deadbeef1234";
    private const string Key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private static readonly ChannelSettings Channel = new()
    {
        Name = "team",
        Kind = ChannelKind.Webhook,
        Url = new Secret($"https://user:pa%73sw0rd@chat.example:8443{Path}?token=abcdef123456"),
        SigningToken = new Secret("whsec_" + Key),
    };

    [Theory]
    [InlineData("no_service", "no_service")]
    [InlineData("line one\r\nline two", "line one  line two")]
    [InlineData($"POST {Path} not found", "POST *** not found")]
    [InlineData("hook c0ffee0000DEADbeef1234 of CHAT.example:8443", "hook *** of ***")]
    [InlineData("wrong passw0rd", "wrong ***")]
    [InlineData($"bad key {Key}", "bad key ***")]
    [InlineData("\"\\/services\\/T0AAAAAA1\"", "\"\\/***\\/***\"")]
    public void Answers_Are_Shown_Without_The_Address_And_The_Token(string answer, string shown) =>
        ChannelWords.Clean(answer, wasCut: false, Channel).ShouldBe(shown);

    [Fact]
    public void However_An_Answer_Repeats_The_Address_No_Part_Of_It_Is_Shown()
    {
        string[] secrets = ["c0ffee0000deadbeef1234", Key, "passw0rd", "abcdef123456", "chat.example", "T0AAAAAA1"];
        string[] pieces = [.. secrets, Channel.Url.Reveal(), "whsec_" + Key, Path, " ", "x", "***", "error: ", "\n"];
        Gen.Select(Gen.OneOf(pieces).Array[0, 200], Gen.Int[1, 4096]).Sample((words, length) =>
        {
            var answer = string.Concat(words);
            var wasCut = answer.Length > length;

            var shown = ChannelWords.Clean(wasCut ? answer[..length] : answer, wasCut, Channel);

            shown.Length.ShouldBeLessThanOrEqualTo(ChannelWords.MaxLength);
            secrets.Any(secret => shown.Contains(secret[..6], StringComparison.OrdinalIgnoreCase)).ShouldBeFalse(shown);
        });
    }
}
