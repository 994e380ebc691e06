using ReleaseBot.Core;
using ReleaseBot.Hosting;
using ReleaseBot.Registries;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Registries;

/// <summary>What a plan costs at a registry that counts pulls.</summary>
public sealed class RegistryReaderTests : RegistryTestBase
{
    [Fact]
    public async Task A_Manifest_Is_Fetched_Only_Where_Its_Digest_Does_Not_Say_Enough()
    {
        var registry = await StartRegistryAsync();
        var image = TestImage.Create(1000);
        await image.PushAsync(registry.Host, "acme/app", "1", Stop);
        var proxy = await StartProxyAsync(registry.Host);
        using RegistryClients clients = new(
            new Dictionary<string, RegistrySettings> { ["test"] = new() { Name = "test", Host = proxy.Host, Insecure = true } }, settings => Client(settings));
        RegistryReader reader = new(clients, TimeProvider.System);
        var repository = new ImageRepository(proxy.Host, "acme/app");

        (await reader.ImageAsync(repository.WithTag("1"), [Digest.Of("another"u8), image.Manifest.Digest], Stop)).ShouldBe((image.Manifest.Digest, null));
        (await reader.ImageAsync(repository.WithTag("absent"), [], Stop)).ShouldBe((null, null));
        (proxy.Count("HEAD", "/manifests/"), proxy.Count("GET", "/manifests/")).ShouldBe((2, 0));

        (await reader.ImageAsync(repository.WithTag("1"), [Digest.Of("another"u8)], Stop)).ShouldBe((image.Manifest.Digest, image.Manifest.ConfigDigest!.Value));
        proxy.Count("GET", "/manifests/").ShouldBe(1);
    }
}
