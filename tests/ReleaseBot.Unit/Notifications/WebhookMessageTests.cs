using System.Text;
using System.Text.Json;
using ReleaseBot.Core;
using ReleaseBot.Notifications;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Notifications;

public sealed class WebhookMessageTests
{
    [Theory]
    [InlineData(Outcome.Published)]
    [InlineData(Outcome.Failed)]
    [InlineData(Outcome.Rejected)]
    [InlineData(Outcome.Recovered)]
    public void Each_Outcome_Has_Its_Message(Outcome outcome)
    {
        using var message = JsonDocument.Parse(WebhookMessage.For(SampleNews.For(outcome)));

        GoldenFile.ShouldMatch($"Notifications/Golden/webhook-{outcome.ToText()}.json", JsonText.Indented(message));
    }

    [Fact]
    public void A_Tag_That_Is_No_Longer_What_Was_Published_Has_Its_Message()
    {
        using var message = JsonDocument.Parse(WebhookMessage.For(SampleNews.Drifted));

        GoldenFile.ShouldMatch("Notifications/Golden/webhook-drifted.json", JsonText.Indented(message));
    }

    [Fact]
    public void News_Of_Which_Little_Is_Known_Still_Makes_A_Message()
    {
        using var message = JsonDocument.Parse(WebhookMessage.For(SampleNews.Bare));

        GoldenFile.ShouldMatch("Notifications/Golden/webhook-bare.json", JsonText.Indented(message));
    }

    [Fact]
    public void News_From_The_Outbox_Makes_The_Same_Bytes()
    {
        foreach (var outcome in Enum.GetValues<Outcome>())
        {
            var news = SampleNews.For(outcome);

            var restored = ReleaseNews.FromJson(news.ToJson());

            WebhookMessage.For(restored).ShouldBe(WebhookMessage.For(news));
            SlackMessage.For(restored).ShouldBe(SlackMessage.For(news));
        }
    }

    // The vector of the Standard Webhooks reference libraries' own tests.
    [Fact]
    public void A_Signature_Is_That_Of_Standard_Webhooks()
    {
        var token = new Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

        var signed = WebhookSignature.TrySign(token, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, Encoding.UTF8.GetBytes("{\"test\": 2432232314}"), out var signature);

        signed.ShouldBeTrue();
        signature.ShouldBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    [Theory]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("whsec_")]
    [InlineData("whsec_not base64 at all")]
    [InlineData("whsec_c2hvcnQ=")]
    public void A_Token_Of_Another_Form_Signs_Nothing(string token)
    {
        WebhookSignature.IsLegal(new Secret(token)).ShouldBeFalse();
        WebhookSignature.TrySign(new Secret(token), "id", 1, [], out _).ShouldBeFalse();
    }
}
