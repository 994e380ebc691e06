using ReleaseBot.Configuration;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Configuration;

public sealed class SettingsSecretsTests
{
    [Fact]
    public void Every_Secret_Is_Named_Also_Those_Inside_Of_Addresses()
    {
        var settings = Given.Settings(Given.With("Projects:0:BuildSecrets", """{ "key": "first-line-of-the-key\nsecond-line-of-the-key\n" }"""), """
            {
              "GitLab": { "Webhook": { "SigningTokens": ["whsec_c2l4dGVlbiBieXRlcyBvciBtb3Jl"] } },
              "Access": { "Tokens": [ { "Name": "ci", "Secret": "an-access-token-of-ours", "Scopes": ["read"] } ] },
              "Storage": { "Provider": "Postgres", "ConnectionString": "Host=db;User ID=database-user;Password='database;password'" },
              "Bus": { "Transport": "RabbitMq", "Uri": "amqps://broker-user:broker%2Fpassword@rabbit:5671/vhost" }
            }
            """);

        var secrets = SettingsSecrets.All(settings).Select(secret => secret.Reveal()).ToList();

        secrets.ShouldBe(
        [
            "glpat-0123456789", Given.WebhookSecret, "whsec_c2l4dGVlbiBieXRlcyBvciBtb3Jl", "c2l4dGVlbiBieXRlcyBvciBtb3Jl", "registry-password",
            "an-access-token-of-ours", "first-line-of-the-key\nsecond-line-of-the-key\n", "first-line-of-the-key", "second-line-of-the-key",
            "https://chat.example/hooks/channel-secret", "/hooks/channel-secret",
            "database-user", "database;password", "broker-user", "broker%2Fpassword", "broker/password",
        ], ignoreOrder: true);
    }

    [Fact]
    public void A_User_Too_Short_To_Be_Masked_Is_Secret_As_Others_Write_It()
    {
        var secrets = SettingsSecrets.All(Given.Settings(Given.Valid, """
            {
              "Storage": { "Provider": "Postgres", "ConnectionString": "Host=db;Username=rb" },
              "Bus": { "Transport": "RabbitMq", "Uri": "amqp://bot:secret-enough@rabbit:5672/" }
            }
            """));

        new SecretMask(secrets).Apply("""28P01: password authentication failed for user "rb" <- Broker unreachable: bot@rabbit:5672/, a robot""")
            .ShouldBe("28P01: password authentication failed for user *** <- Broker unreachable: ***:5672/, a robot");
    }

    [Theory]
    [InlineData("//registry.example/:_authToken=npm_0123456789\\nalways-auth=true\\nport=8080", "npm_0123456789", "_authToken=npm_0123456789", "always-auth=true", "port=8080")]
    [InlineData("export TOKEN='t0k=n:1'\\r\\nPIN=12345", "t0k=n:1", "export TOKEN='t0k=n:1'", "PIN=12345")]
    [InlineData("{\\n  \\\"auth\\\": \\\"Ym9iOnB3\\\",\\n}", "Ym9iOnB3", "\"auth\": \"Ym9iOnB3\",")]
    public void Build_Secret_Of_Several_Lines_Is_Secret_By_Its_Lines_And_Their_Values(string json, params string[] parts)
    {
        var settings = Given.Settings(Given.With("Projects:0:BuildSecrets", $$"""{ "key": "{{json}}" }"""));

        var secrets = SettingsSecrets.All(settings).Select(secret => secret.Reveal()).ToList();

        parts.ShouldBeSubsetOf(secrets);
        new[] { "true", "8080", "12345", "" }.ShouldAllBe(value => !secrets.Contains(value));
    }

    [Fact]
    public void A_Whole_Comes_Before_Its_Part()
    {
        var secrets = SettingsSecrets.All(Given.Settings(Given.Valid)).Select(secret => secret.Reveal()).ToList();

        secrets.IndexOf("https://chat.example/hooks/channel-secret").ShouldBeLessThan(secrets.IndexOf("/hooks/channel-secret"));
        secrets.ShouldBe(secrets.OrderByDescending(secret => secret.Length));
    }

    // Each value of the configuration that is a secret is made illegal in turn; no problem may quote it.
    [Theory]
    [InlineData("GitLab:Token", "CANARY\\u0001canary")]
    [InlineData("GitLab:Webhook:Secrets:0", "CANARY")]
    [InlineData("Channels:team:Url", "CANARY")]
    [InlineData("Storage:ConnectionString", "CANARY")]
    [InlineData("Bus:Uri", "http://CANARY:CANARY@rabbit")]
    [InlineData("GitLab:Url", "https://CANARY:CANARY@gitlab.example")]
    [InlineData("Engine:Endpoint", "tcp://CANARY:CANARY@dind:2376")]
    public void No_Problem_Quotes_A_Secret(string key, string value)
    {
        var problems = Given.Problems(Given.With(key, $"\"{value}\""));

        problems.ShouldNotBeEmpty();
        string.Join('\n', problems).ShouldNotContain("CANARY", Case.Insensitive);
    }
}
