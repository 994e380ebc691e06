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

    [Fact]
    public void Reach_Is_That_Of_The_Longest_Form()
    {
        _mask.Reach.ShouldBe(Convert.ToBase64String(Encoding.UTF8.GetBytes(Key)).Length);
        new SecretMask([]).Reach.ShouldBe(0);
    }
}
