using ReleaseBot.Core;
using ReleaseBot.Registries;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Registries;

public sealed class TrustedRealmsTests
{
    private readonly TrustedRealms _realms = new(new Uri("https://gitlab.example/"));

    [Theory]
    [InlineData("registry.example", "https://gitlab.example/jwt/auth")]
    [InlineData("registry.example", "https://GitLab.example:443/jwt/auth")]
    [InlineData("registry.example", "https://registry.example/service/token")]
    [InlineData("registry.example:5000", "https://registry.example/token")]
    [InlineData("registry.example:5000", "https://registry.example:5001/token")]
    [InlineData("docker.io", "https://auth.docker.io/token")]
    public void A_Realm_Of_A_Known_Party_Is_Trusted(string host, string realm) => _realms.Trusts(Registry(host), new Uri(realm)).ShouldBeTrue();

    [Theory]
    [InlineData("registry.example", "https://evil.example/token")]
    [InlineData("registry.example", "https://registry.example.evil.example/token")]
    [InlineData("registry.example", "https://gitlab.example@evil.example/token")]
    [InlineData("registry.example", "https://user:word@gitlab.example/jwt/auth")]
    [InlineData("registry.example", "http://registry.example/token")]
    [InlineData("registry.example", "http://gitlab.example/jwt/auth")]
    [InlineData("registry.example", "https://gitlab.example:8443/jwt/auth")]
    [InlineData("registry.example", "https://sub.gitlab.example/jwt/auth")]
    [InlineData("registry.example", "https://auth.docker.io/token")]
    [InlineData("docker.io", "https://auth.docker.io.evil.example/token")]
    [InlineData("docker.io", "https://auth.docker.io:8443/token")]
    [InlineData("docker.io", "http://auth.docker.io/token")]
    [InlineData("registry.example", "ftp://registry.example/token")]
    [InlineData("registry.example", "http://127.0.0.1:5001/token")]
    public void Any_Other_Realm_Is_Not(string host, string realm) => _realms.Trusts(Registry(host), new Uri(realm)).ShouldBeFalse();

    [Theory]
    [InlineData("http://127.0.0.1:5000/token", true)]
    [InlineData("http://127.0.0.1:5001/token", false)]
    [InlineData("http://localhost:5000/token", false)]
    public void On_Loopback_Each_Port_Is_A_Party_Of_Its_Own(string realm, bool isTrusted) =>
        _realms.Trusts(Registry("127.0.0.1:5000") with { Insecure = true }, new Uri(realm)).ShouldBe(isTrusted);

    [Theory]
    [InlineData("https://auth.example/token", "https://auth.example/token", true)]
    [InlineData("https://auth.example/", "https://auth.example/v2/token?x=1", true)]
    [InlineData("https://auth.example/token", "https://auth.example:8443/token", false)]
    [InlineData("http://auth.example/token", "http://auth.example/token", false)]
    [InlineData("http://127.0.0.1:5001/token", "http://127.0.0.1:5001/token", true)]
    [InlineData("http://[::1]:5001/token", "http://[::1]:5001/token", true)]
    public void The_Configured_Realm_Is_Trusted_By_Its_Origin(string configured, string realm, bool isTrusted) =>
        _realms.Trusts(Registry("registry.example") with { TokenRealm = new Uri(configured) }, new Uri(realm)).ShouldBe(isTrusted);

    [Fact]
    public void A_Relative_Realm_Is_Not_Trusted() => _realms.Trusts(Registry("registry.example"), new Uri("/token", UriKind.Relative)).ShouldBeFalse();

    private static RegistrySettings Registry(string host) => new() { Name = "r", Host = host };
}
