using System.Text;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

public sealed class SecretMaskTests
{
    private const string Key = "-----BEGIN KEY-----\r\nMIIEvQIBADANBgkq\r\n+/hkiG9w0BAQEFAA\r\nab\r\n-----END KEY-----\r\n";

    private readonly SecretMask _mask = new([new Secret("s3cret/+pass"), new Secret(Key), new Secret("abc")]);

    [Theory]
    [InlineData("it is s3cret/+pass.", "it is ***.")]
    [InlineData("it is s3cret%2F%2Bpass", "it is ***")]
    [InlineData("#7 0.3 +/hkiG9w0BAQEFAA", "#7 0.3 ***")]
    [InlineData("x%2B%2FhkiG9w0BAQEFAAx", "x***x")]
    [InlineData("-----BEGIN KEY----- MIIEvQIBADANBgkq", "*** ***")]
    [InlineData("abc ab", "abc ab")]
    public void Secret_Is_Hidden_Whole_And_By_Its_Lines_In_Every_Form(string text, string masked) => _mask.Apply(text).ShouldBe(masked);

    [Theory]
    [InlineData("s3cret/+pass")]
    [InlineData(Key)]
    [InlineData("MIIEvQIBADANBgkq")]
    public void Base64_Is_No_Way_Out(string secret) => _mask.Apply(Convert.ToBase64String(Encoding.UTF8.GetBytes(secret))).ShouldBe("***");

    [Theory]
    [InlineData(76)]
    [InlineData(64)]
    public void Base64_That_Is_Broken_Into_Lines_Is_Hidden_Line_By_Line(int wrap)
    {
        var lines = Convert.ToBase64String(Encoding.UTF8.GetBytes(Key)).Chunk(wrap).Select(line => new string(line)).ToList();

        lines.Count.ShouldBeGreaterThan(1);
        lines.Select(_mask.Apply).ShouldAllBe(line => line == "***");
    }

    [Theory]
    [InlineData(76, 58)]
    [InlineData(64, 49)]
    public void Short_End_Of_Base64_Is_Hidden_After_The_Line_Before_It_And_Nowhere_Else(int wrap, int length)
    {
        var secret = new string('x', length);
        var lines = Convert.ToBase64String(Encoding.UTF8.GetBytes(secret)).Chunk(wrap).Select(line => new string(line)).ToList();
        lines[^1].Length.ShouldBe(4);
        LineMask mask = new(new SecretMask([new Secret(secret)]));

        mask.Apply($"#7 0.1 {lines[^1]}").ShouldBe($"#7 0.1 {lines[^1]}", "by itself it may be any word");
        mask.Apply($"#7 0.2 {lines[0]}").ShouldBe("#7 0.2 ***");
        mask.Apply($"#8 0.1 {lines[^1]}ing of another step").ShouldBe($"#8 0.1 {lines[^1]}ing of another step");
        mask.Apply($"#7 0.3 {lines[^1]}\r").ShouldBe("#7 0.3 ***\r");
        mask.Apply(lines[^1]).ShouldBe(lines[^1], "it has been");
        mask.Apply(lines[0]);
        for (var line = 0; line < 20; line++)
        {
            mask.Apply("another step");
        }

        mask.Apply(lines[^1]).ShouldBe(lines[^1], "it does not come any more");
        new SecretMask([new Secret(secret)]).Apply(string.Join('\n', lines)).ShouldBe("***");
    }

    [Fact]
    public void Short_Line_Of_A_Secret_Is_Hidden_After_The_Line_Before_It()
    {
        LineMask mask = new(_mask);

        string[] lines = ["+/hkiG9w0BAQEFAA", "ab", "-----END KEY-----", "ab"];

        lines.Select(mask.Apply).ShouldBe(["***", "***", "***", "ab"]);
    }

    [Fact]
    public void Reach_Is_That_Of_The_Longest_Form()
    {
        _mask.Reach.ShouldBe(Convert.ToBase64String(Encoding.UTF8.GetBytes(Key)).Length);
        new SecretMask([]).Reach.ShouldBe(0);
    }
}
