using CsCheck;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Web;

public sealed class AnsiTextTests
{
    [Theory]
    [InlineData("plain\n\ttext", "plain\n\ttext")]
    [InlineData("\u001b[31mred\u001b[0m back", "<span class=\"c31\">red</span> back")]
    [InlineData("\u001b[1;32mbold\u001b[22m green\u001b[39m", "<span class=\"c32 b\">bold</span><span class=\"c32\"> green</span>")]
    [InlineData("\u001b[38;5;196mmany\u001b[m", "many")]
    [InlineData("\u001b[2K\u001b[1Gcleared", "cleared")]
    [InlineData("cut off \u001b[3", "cut off ")]
    [InlineData("<b>&\"", "&lt;b&gt;&amp;&quot;")]
    [InlineData("a\u0007b\u009bc", "abc")]
    public void Colours_Become_Classes_And_Text_Is_Encoded(string text, string markup) => AnsiText.ToMarkup(text).ShouldBe(markup);

    // Whatever a build prints, no markup but our own spans comes of it.
    [Fact]
    public void No_Text_Becomes_Markup() =>
        Gen.OneOf(Gen.String, Gen.Char["\u001b[;m<>&\"'019 K\n\r"].Array.Select(chars => new string(chars))).Sample(text =>
        {
            var markup = AnsiText.ToMarkup(text).Replace("</span>", "", StringComparison.Ordinal);
            while (markup.IndexOf("<span class=\"", StringComparison.Ordinal) is >= 0 and var at)
            {
                markup = markup.Remove(at, markup.IndexOf("\">", at, StringComparison.Ordinal) + 2 - at);
            }

            return !markup.AsSpan().ContainsAny('<', '>', '\u001b');
        });
}
