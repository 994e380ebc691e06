using CsCheck;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Web;

public sealed class WebTextTests
{
    [Theory]
    [InlineData("localhost", true)]
    [InlineData("LOCALHOST", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.8.9.10", true)]
    [InlineData("[::1]", true)]
    [InlineData("::1", true)]
    [InlineData("", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("[::]", false)]
    [InlineData("+", false)]
    [InlineData("*", false)]
    [InlineData("localhost.example", false)]
    [InlineData("10.0.0.1", false)]
    public void Loopback_Is_Recognised(string host, bool isLoopback) => LoopbackOnly.IsLoopback(host).ShouldBe(isLoopback);

    [Fact]
    public void Cursor_Comes_Back_As_It_Went() =>
        Gen.Guid.Sample(id => PageCursor.TryRead(PageCursor.Write(id)!, out var back) && back == id);

    [Fact]
    public void Values_In_Html_Are_Encoded_And_Html_Is_Not() =>
        Html.Of($"<p title=\"{"\"<"}\">{Html.Of($"<b>{"&"}</b>")}{new[] { Html.Of($"<i>{1.5:0.0}</i>") }.Select(part => part)}</p>")
            .ToString().ShouldBe("<p title=\"&quot;&lt;\"><b>&amp;</b><i>1.5</i></p>");
}
