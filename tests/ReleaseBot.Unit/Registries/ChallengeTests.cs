using CsCheck;
using ReleaseBot.Registries;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Registries;

public sealed class ChallengeTests
{
    [Fact]
    public void GitLabs_Challenge_Keeps_The_Comma_In_Its_Scope()
    {
        var challenge = Challenge.ParseAll(
            ["Bearer realm=\"https://gitlab.example/jwt/auth\",service=\"container_registry\",scope=\"repository:group/project:pull,push\",error=\"invalid_token\""])
            .ShouldHaveSingleItem();

        challenge.IsBearer.ShouldBeTrue();
        challenge.Parameter("realm").ShouldBe("https://gitlab.example/jwt/auth");
        challenge.Parameter("service").ShouldBe("container_registry");
        challenge.Parameter("scope").ShouldBe("repository:group/project:pull,push");
        challenge.Parameter("error").ShouldBe("invalid_token");
    }

    [Theory]
    [InlineData("Basic realm=\"a\", Bearer realm=\"https://r/t\", service=\"s\"")]
    [InlineData("Basic realm=\"a\",Bearer  realm = \"https://r/t\" , SERVICE=s")]
    [InlineData(", ,basic realm=a,  bearer Realm=\"https://r/t\",service=\"s\",")]
    [InlineData("Negotiate abcd==, Basic realm=\"a\", Bearer realm=\"https://r/t\", service=s")]
    public void Several_Challenges_In_One_Header_Are_Told_Apart(string header)
    {
        var challenges = Challenge.ParseAll([header]);

        challenges.Single(challenge => challenge.IsBasic).Parameter("realm").ShouldBe("a");
        var bearer = challenges.Single(challenge => challenge.IsBearer);
        bearer.Parameter("realm").ShouldBe("https://r/t");
        bearer.Parameter("service").ShouldBe("s");
    }

    [Fact]
    public void Several_Headers_Are_All_Read() =>
        Challenge.ParseAll(["Basic", "Bearer realm=\"https://r/t\""]).Select(challenge => challenge.Scheme).ShouldBe(["Basic", "Bearer"]);

    [Fact]
    public void Escaped_Quotes_Belong_To_The_Value() =>
        Challenge.ParseAll(["Basic realm=\"say \\\"hi\\\", Bearer\""]).ShouldHaveSingleItem().Parameter("realm").ShouldBe("say \"hi\", Bearer");

    [Fact]
    public void The_First_Of_Two_Realms_Counts() =>
        Challenge.ParseAll(["Bearer realm=\"https://a/\",realm=\"https://b/\""]).ShouldHaveSingleItem().Parameter("realm").ShouldBe("https://a/");

    // Whatever a server sends, reading it ends and does not throw.
    [Fact]
    public void Any_Header_Can_Be_Read() =>
        Gen.String[Gen.Char["Bearer realm=\",\\ \tBasic="], 0, 40].Sample(header => Challenge.ParseAll([header]).Count <= header.Length);
}
