using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using ReleaseBot.Core;
using ReleaseBot.Notifications;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Notifications;

public sealed partial class SlackMessageTests
{
    // What an author of refs, user names and build output may try.
    private static readonly Gen<string> Hostile = Gen.OneOf(
        Gen.OneOf("<!channel>", "@channel", "<@U123>", "<#C1|x>", "```", "`", "|", "&lt;!here&gt;", "\r\n", "\u202Etxt.exe", "\u2028", "\uD800", "שלום", "*_~"),
        Gen.String[0, 12],
        Gen.String[200, 4000]).Array[1, 4].Select(string.Concat);

    [Theory]
    [InlineData(Outcome.Published)]
    [InlineData(Outcome.Failed)]
    [InlineData(Outcome.Rejected)]
    [InlineData(Outcome.Recovered)]
    public void Each_Outcome_Has_Its_Message(Outcome outcome) =>
        GoldenFile.ShouldMatch($"Notifications/Golden/slack-{outcome.ToText()}.json", Indented(SlackMessage.For(SampleNews.For(outcome))));

    [Fact]
    public void Drift_Has_Its_Message() =>
        GoldenFile.ShouldMatch("Notifications/Golden/slack-drifted.json", Indented(SlackMessage.For(SampleNews.Drifted)));

    [Fact]
    public void News_Of_Which_Little_Is_Known_Still_Makes_A_Message() =>
        GoldenFile.ShouldMatch("Notifications/Golden/slack-bare.json", Indented(SlackMessage.For(SampleNews.Bare)));

    [Fact]
    public void No_Text_Of_Others_Becomes_A_Mention_Or_A_Link_Or_A_Line() =>
        Gen.Select(Hostile, Hostile, Hostile, Hostile).Sample((project, name, user, message) =>
        {
            var texts = Texts(SlackMessage.For(News(project, name, user, message)));
            foreach (var text in texts)
            {
                var ours = OurControls().Replace(text, "");
                ours.ShouldNotContain('<');
                ours.ShouldNotContain('>');
                BareMention().IsMatch(text).ShouldBeFalse(text);
                text.Any(c => c is '\u202E' or '\u2028' or '\r' || char.IsControl(c) && c != '\n').ShouldBeFalse(text);
            }

            // Line breaks are ours alone: one in the images' block for each line, one before the advice.
            texts.Sum(text => text.Count(c => c == '\n')).ShouldBe(3);
        });

    [Fact]
    public void Whatever_The_Texts_Slacks_Limits_Are_Kept() =>
        Gen.Select(Hostile, Hostile, Hostile, Gen.Int[0, 300]).Sample((name, reference, message, count) =>
        {
            var images = Enumerable.Repeat(new NewsImage(reference, SampleNews.Published.Images[0].Digest, false, "pushed"), count);
            using var json = JsonDocument.Parse(SlackMessage.For(News(name, name, name, message) with { Images = [.. images] }));
            json.RootElement.GetProperty("text").GetString()!.Length.ShouldBeInRange(1, 3000);
            var blocks = json.RootElement.GetProperty("blocks").EnumerateArray().ToList();
            blocks.Count.ShouldBeInRange(1, 50);
            blocks[0].GetProperty("text").GetProperty("text").GetString()!.Length.ShouldBeInRange(1, 150);
            foreach (var text in Texts(Encoding.UTF8.GetBytes(json.RootElement.GetRawText())))
            {
                text.Length.ShouldBeInRange(1, 3000);
            }
        });

    [Fact]
    public void Images_That_Do_Not_Fit_Are_Counted()
    {
        var images = Enumerable.Range(0, 100).Select(i => new NewsImage($"registry.example/acme/shop:v1.2.{i}", null, false, "failed"));

        var section = Texts(SlackMessage.For(SampleNews.Failed with { Images = [.. images] })).Single(text => text.StartsWith("```", StringComparison.Ordinal));

        var shown = section.Split('\n').Count(line => line.StartsWith("registry.example", StringComparison.Ordinal));
        section.ShouldEndWith($"\n```\nand {100 - shown} more");
        shown.ShouldBeGreaterThan(20);
    }

    [Theory]
    [InlineData("feature/a+b", "https://gitlab.example/acme/shop/-/tree/feature/a%2Bb|`feature/a+b`")]
    [InlineData("a|b>c", "https://gitlab.example/acme/shop/-/tree/a%7Cb%3Ec|`a|b&gt;c`")]
    [InlineData("it's`so", "https://gitlab.example/acme/shop/-/tree/it%27s%60so|`it's'so`")]
    public void A_Branch_Links_To_Its_Tree(string branch, string link) =>
        Texts(SlackMessage.For(SampleNews.Published with { Ref = branch, RefKind = RefKind.Branch }))[2].ShouldContain($"<{link}>");

    [Fact]
    public void Right_To_Left_Names_Do_Not_Reorder_The_Line() =>
        Texts(SlackMessage.For(SampleNews.Published with { Ref = "שלום" }))[1].ShouldBe("✅ acme/shop \u2068שלום\u2069 is published");

    [Fact]
    public void Every_Reason_That_Ends_A_Release_Says_What_To_Do()
    {
        ReasonCode[] silent =
        [
            ReasonCode.EventNotSupported, ReasonCode.PayloadIncomplete, ReasonCode.Canceled,
            ReasonCode.Superseded, ReasonCode.AlreadyAccepted, ReasonCode.NotNewest, ReasonCode.PreRelease, ReasonCode.NoVersion, ReasonCode.Retracted,
        ];

        Enum.GetValues<ReasonCode>().Where(code => Advice.For(code) is null).ShouldBe(silent, ignoreOrder: true);
    }

    private static ReleaseNews News(string project, string name, string user, string message) => SampleNews.Failed with
    {
        ProjectPath = project,
        Ref = name,
        User = user,
        Commit = name,
        Reason = new Reason(ReasonCode.BuildFailed, message),
        Images = [new NewsImage(name, null, false, user)],
    };

    /// <summary>The fallback first, then each block's text.</summary>
    private static List<string> Texts(byte[] message)
    {
        using var json = JsonDocument.Parse(message);
        List<string> texts = [json.RootElement.GetProperty("text").GetString()!];
        foreach (var block in json.RootElement.GetProperty("blocks").EnumerateArray())
        {
            var element = block.TryGetProperty("text", out var text) ? text : block.GetProperty("elements")[0];
            if (element.GetProperty("type").GetString() == "plain_text")
            {
                // Slack parses nothing in plain text; escape it here as Slack shows it, so that one rule fits all.
                texts.Add(element.GetProperty("text").GetString()!.Replace("<", "", StringComparison.Ordinal).Replace(">", "", StringComparison.Ordinal)
                    .Replace("@", "", StringComparison.Ordinal));
                continue;
            }

            element.GetProperty("verbatim").GetBoolean().ShouldBeTrue();
            texts.Add(element.GetProperty("text").GetString()!);
        }

        return texts;
    }

    private static string Indented(byte[] message)
    {
        using var json = JsonDocument.Parse(message);
        return JsonText.Indented(json);
    }

    // A link into this GitLab or this dashboard, or the date.
    [GeneratedRegex(@"<https://(gitlab|releases)\.example/[^<>|]*\||<!date\^[0-9]+\^[^<>|]*\||(?<=`|UTC|retry|log)>")]
    private static partial Regex OurControls();

    [GeneratedRegex("@(channel|here|everyone|all)", RegexOptions.IgnoreCase)]
    private static partial Regex BareMention();
}
