using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.GitLab;

public sealed class WebhookAuthenticatorTests
{
    // Computed by GitLab's recipe from a token of its own tests.
    private const string SigningToken = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
    private const string OtherSigningToken = "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyISE=";
    private const string Id = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f";
    private const long SentAt = 1744578123;
    private const string Signature = "v1,o0vhFqROhk7hfX6sE7zUK58OwK1FbUUVZ+sfM4axsDc=";
    private const string Secret = "correct horse battery";
    private static readonly byte[] Body = Encoding.UTF8.GetBytes("""{"object_kind":"tag_push","ref":"refs/tags/v1.0.0"}""");

    [Fact]
    public void A_Signed_Delivery_Is_Let_In() => Verify(Signed()).ShouldBeOfType<WebhookVerdict.Signed>();

    [Fact]
    public void Any_Of_Several_Keys_And_Signatures_Will_Do()
    {
        var headers = Signed();
        headers["webhook-signature"] = $"v1a,AAAA v1,bm90IHRoaXMgb25l {Signature} v1,";
        Verify(headers, signingTokens: [OtherSigningToken, SigningToken]).ShouldBeOfType<WebhookVerdict.Signed>();
    }

    [Fact]
    public void Another_Key_Or_Body_Or_Id_Or_Time_Is_Refused()
    {
        Refused(Verify(Signed(), signingTokens: [OtherSigningToken]));
        Refused(Verify(Signed(), body: [.. Body, (byte)' ']));
        Refused(Verify(With("webhook-id", "another")));
        Refused(Verify(With("webhook-timestamp", $"{SentAt + 1}")));
    }

    [Theory]
    [InlineData(300, true)]
    [InlineData(-300, true)]
    [InlineData(301, false)]
    [InlineData(-301, false)]
    public void The_Replay_Window_Has_Two_Ends(int secondsLater, bool letIn) =>
        (Verify(Signed(), now: SentAt + secondsLater) is WebhookVerdict.Signed).ShouldBe(letIn);

    [Theory]
    [InlineData("webhook-signature", "")]
    [InlineData("webhook-signature", "v1")]
    [InlineData("webhook-signature", "v1,")]
    [InlineData("webhook-signature", "v1,not base64")]
    [InlineData("webhook-signature", "o0vhFqROhk7hfX6sE7zUK58OwK1FbUUVZ+sfM4axsDc=")]
    [InlineData("webhook-signature", "v2,o0vhFqROhk7hfX6sE7zUK58OwK1FbUUVZ+sfM4axsDc=")]
    [InlineData("webhook-timestamp", "")]
    [InlineData("webhook-timestamp", "9223372036854775807")]
    [InlineData("webhook-timestamp", "99999999999999999999999")]
    [InlineData("webhook-timestamp", "-1744578123")]
    [InlineData("webhook-timestamp", " 1744578123")]
    [InlineData("webhook-timestamp", "1744578123.0")]
    [InlineData("webhook-id", "")]
    [InlineData("webhook-id", "a b")]
    public void A_Malformed_Header_Is_Refused(string name, string value) => Refused(Verify(With(name, value)));

    [Theory]
    [InlineData("webhook-signature", Signature)]
    [InlineData("webhook-timestamp", "1744578123")]
    [InlineData("webhook-id", Id)]
    public void A_Header_Sent_Twice_Is_Refused(string name, string value) => Refused(Verify(With(name, new StringValues([value, value]))));

    [Theory]
    [InlineData("webhook-id")]
    [InlineData("webhook-timestamp")]
    public void A_Missing_Part_Of_A_Signature_Is_Refused(string name)
    {
        var headers = Signed();
        headers.Remove(name);
        Refused(Verify(headers));
    }

    [Fact]
    public void A_Bad_Signature_Never_Falls_Back_To_The_Token()
    {
        foreach (var bad in (string[])["", "v1,AAAA", "v2,AAAA"])
        {
            var headers = With("webhook-signature", bad);
            headers["X-Gitlab-Token"] = Secret;
            Refused(Verify(headers));
            // Not even where no key is configured: the operator has to add it.
            Refused(Verify(headers, signingTokens: [])).Why.ShouldContain("SigningTokens");
        }
    }

    [Fact]
    public void A_Delivery_Without_A_Signature_Is_Let_In_By_Any_Secret()
    {
        Verify(Token(Secret)).ShouldBeOfType<WebhookVerdict.Token>();
        Verify(Token("second secret"), secrets: [Secret, "second secret"]).ShouldBeOfType<WebhookVerdict.Token>();
        // GitLab takes line breaks out of the token before it sends it, and a secret's file may end with one.
        Verify(Token("twolines"), secrets: ["two\r\nlines\n"]).ShouldBeOfType<WebhookVerdict.Token>();
    }

    [Fact]
    public void A_Wrong_Token_Is_Refused()
    {
        foreach (var wrong in (string[])["", "correct horse batter", "correct horse battery!", "CORRECT HORSE BATTERY", new string('x', 100_000)])
        {
            Refused(Verify(Token(wrong))).Why.ShouldNotContain("horse");
        }

        Refused(Verify(Token(new StringValues([Secret, Secret]))));
        Refused(Verify(new HeaderDictionary()));
        Refused(Verify(Token(Secret), secrets: [])).Why.ShouldContain("not signed");
        Refused(Verify(Token(""), secrets: [], signingTokens: [])).Why.ShouldContain("nothing can be let in");
    }

    [Fact]
    public void No_Header_Makes_It_Throw()
    {
        string[] names = ["webhook-signature", "webhook-id", "webhook-timestamp", "X-Gitlab-Token", "Idempotency-Key"];
        var authenticator = Authenticator([SigningToken], [Secret], SentAt);
        Gen.Select(Gen.OneOf(names), Gen.String.Array[0, 3]).Array[0, 5].Sample(given =>
        {
            var headers = Signed();
            foreach (var (name, values) in given)
            {
                headers[name] = new StringValues(values);
            }

            WebhookAuthenticator.DeliveryId(headers)?.Length.ShouldBeLessThanOrEqualTo(200);
            var verdict = authenticator.Verify(headers, Body);
            var isUntouched = headers["webhook-signature"] == Signature && headers["webhook-id"] == Id && headers["webhook-timestamp"] == $"{SentAt}";
            (verdict is WebhookVerdict.Signed).ShouldBe(isUntouched);
        });
    }

    [Fact]
    public void Whoever_Has_The_Key_Can_Sign_Anything()
    {
        var key = SHA256.HashData("key"u8);
        Gen.Byte.Array[0, 2000].Sample(body =>
        {
            byte[] signed = [.. Encoding.UTF8.GetBytes($"{Id}.{SentAt}."), .. body];
            var headers = With("webhook-signature", $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}");
            Verify(headers, body: body, signingTokens: [$"whsec_{Convert.ToBase64String(key)}"]).ShouldBeOfType<WebhookVerdict.Signed>();
        });
    }

    [Theory]
    [InlineData("")]
    [InlineData("dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=")]
    [InlineData("whsec_")]
    [InlineData("whsec_secret!")]
    [InlineData("whsec_c2hvcnQ=")]
    public void A_Signing_Token_That_Is_None_Is_Told_Without_Its_Value(string token)
    {
        SigningKey.TryParse(new Secret(token), out _).ShouldBeFalse();
        var error = Should.Throw<ArgumentException>(() => Authenticator([SigningToken, token], [], SentAt));
        error.Message.ShouldContain("GitLab:Webhook:SigningTokens:1");
        (token.Length > "whsec_".Length && error.Message.Contains(token, StringComparison.Ordinal)).ShouldBeFalse();
    }

    [Fact]
    public void An_Empty_Secret_Is_An_Error_And_Not_An_Open_Door() =>
        Should.Throw<ArgumentException>(() => Authenticator([], ["\n"], SentAt)).Message.ShouldContain("GitLab:Webhook:Secrets:0");

    [Fact]
    public void The_Delivery_Id_Is_Webhook_Id_Or_Idempotency_Key_And_Nothing_Else()
    {
        WebhookAuthenticator.DeliveryId(new HeaderDictionary { ["webhook-id"] = "a", ["Idempotency-Key"] = "b" }).ShouldBe("a");
        WebhookAuthenticator.DeliveryId(new HeaderDictionary { ["Idempotency-Key"] = "b" }).ShouldBe("b");
        WebhookAuthenticator.DeliveryId(new HeaderDictionary { ["X-Gitlab-Event-UUID"] = "c", ["X-Gitlab-Webhook-UUID"] = "d" }).ShouldBeNull();
        WebhookAuthenticator.DeliveryId(new HeaderDictionary { ["webhook-id"] = new string('x', 200) }).ShouldNotBeNull();
        WebhookAuthenticator.DeliveryId(new HeaderDictionary { ["webhook-id"] = new string('x', 201) }).ShouldBeNull();
        WebhookAuthenticator.DeliveryId(new HeaderDictionary { ["webhook-id"] = "a\nb" }).ShouldBeNull();
        WebhookAuthenticator.DeliveryId(new HeaderDictionary { ["webhook-id"] = new StringValues(["a", "b"]) }).ShouldBeNull();
    }

    private static WebhookVerdict.Refused Refused(WebhookVerdict verdict) => verdict.ShouldBeOfType<WebhookVerdict.Refused>();

    private static HeaderDictionary Signed() => new()
    {
        ["webhook-id"] = Id,
        ["webhook-timestamp"] = $"{SentAt}",
        ["webhook-signature"] = Signature,
    };

    private static HeaderDictionary With(string name, StringValues value)
    {
        var headers = Signed();
        // Set through the collection, since an empty value would remove the header.
        ((IDictionary<string, StringValues>)headers).Remove(name);
        headers.Add(name, value);
        return headers;
    }

    private static HeaderDictionary Token(StringValues token)
    {
        var headers = new HeaderDictionary();
        headers.Add("X-Gitlab-Token", token);
        return headers;
    }

    private static WebhookVerdict Verify(
        IHeaderDictionary headers, byte[]? body = null, string[]? signingTokens = null, string[]? secrets = null, long now = SentAt) =>
        Authenticator(signingTokens ?? [SigningToken], secrets ?? [Secret], now).Verify(headers, body ?? Body);

    private static WebhookAuthenticator Authenticator(string[] signingTokens, string[] secrets, long now) => new(
        new WebhookSettings
        {
            SigningTokens = [.. signingTokens.Select(token => new Secret(token))],
            Secrets = [.. secrets.Select(secret => new Secret(secret))],
        },
        new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(now)));
}
