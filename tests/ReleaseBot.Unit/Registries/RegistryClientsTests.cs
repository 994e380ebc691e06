using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Registries;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Registries;

public sealed class RegistryClientsTests
{
    [Fact]
    public void A_Registry_Has_One_Client()
    {
        using var clients = Clients();

        clients.Get("hub").ShouldBeSameAs(clients.Get("hub"));
        clients.Get("hub").Host.ShouldBe("docker.io");
    }

    [Fact]
    public void A_Registry_That_Is_Not_Configured_Is_Named()
    {
        using var clients = Clients();

        Should.Throw<KeyNotFoundException>(() => clients.Get("other")).Message.ShouldContain("Registries:other");
    }

    [Theory]
    [InlineData("docker.io", false, "https://registry-1.docker.io/")]
    [InlineData("registry.example", false, "https://registry.example/")]
    [InlineData("registry.example:5000", false, "https://registry.example:5000/")]
    [InlineData("127.0.0.1:5000", true, "http://127.0.0.1:5000/")]
    public void A_Registry_Is_Reached_At_Its_Address(string host, bool isInsecure, string address) =>
        RegistryAddress.Of(new RegistrySettings { Name = "r", Host = host, Insecure = isInsecure }).AbsoluteUri.ShouldBe(address);

    [Fact]
    public void Waits_Grow_And_Have_An_End() => Gen.Int[0, 30].Sample(attempt =>
    {
        var limits = RegistryLimits.Default;
        var wait = Retries.Wait(attempt, limits);
        var floor = limits.FirstWait * Math.Pow(3, Math.Min(attempt, 8));
        return wait <= limits.LongestWait && (wait >= floor || wait == limits.LongestWait) && wait >= limits.FirstWait;
    });

    private static RegistryClients Clients() => new(
        new Dictionary<string, RegistrySettings> { ["hub"] = new() { Name = "hub", Host = "docker.io" } },
        new TrustedRealms(new Uri("https://gitlab.example")), TimeProvider.System, NullLoggerFactory.Instance);
}
