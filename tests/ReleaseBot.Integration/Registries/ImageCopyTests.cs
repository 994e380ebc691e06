using ReleaseBot.Core;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Registries;

public sealed class ImageCopyTests : RegistryTestBase
{
    private readonly List<string> _progress = [];

    [Fact]
    public async Task An_Image_Is_The_Same_Byte_For_Byte_In_The_Other_Registry()
    {
        var (from, to) = (await StartRegistryAsync(), await StartRegistryAsync(new DockerRegistryOptions()));
        var image = TestImage.Create(8_000_000, 3_000_000, 1, 500_000, 700_000, 900_000);
        await image.PushAsync(from.Host, "acme/app", "1", Stop);

        var digest = await CopyAsync(from, to, image.Manifest);

        digest.ShouldBe(image.Manifest.Digest);
        await image.ShouldBeAtAsync(to.Host, "team/app", "2", Stop);
        _progress.Count.ShouldBe(image.Blobs.Count);
        _progress.ShouldAllBe(line => line.EndsWith(": copied", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_Copy_Works_Between_Registries_With_Their_Own_Access_Control()
    {
        var tokens = await StartTokenServerAsync();
        var from = await StartRegistryAsync(new DockerRegistryOptions { Htpasswd = true });
        var to = await StartRegistryAsync(new DockerRegistryOptions { Tokens = tokens });
        var image = TestImage.Create(200_000, 300_000);
        var open = await StartRegistryAsync();
        await image.PushAsync(open.Host, "acme/app", "1", Stop);
        await CopyAsync(open, from, image.Manifest, toRepository: "acme/app");

        (await CopyAsync(from, to, image.Manifest)).ShouldBe(image.Manifest.Digest);

        (await Client(to.Settings()).GetManifestAsync("team/app", "2", Stop)).ShouldBe(image.Manifest);
    }

    [Fact]
    public async Task What_Is_There_Does_Not_Travel_Again()
    {
        var (from, to) = (await StartRegistryAsync(), await StartRegistryAsync());
        var image = TestImage.Create(10_000, 20_000);
        await image.PushAsync(from.Host, "acme/app", "1", Stop);
        var proxy = await StartProxyAsync(to.Host);
        await CopyAsync(from, to, image.Manifest);

        await ImageCopy.CopyAsync(
            Client(from.Settings()), "acme/app", image.Manifest, Client(to.Settings() with { Host = proxy.Host }), "team/app", "3", _progress.Add, Stop);

        proxy.Count("POST", "/").ShouldBe(0);
        proxy.Count("PUT", "/blobs/").ShouldBe(0);
        _progress.Count(line => line.EndsWith("already there", StringComparison.Ordinal)).ShouldBe(3);
        await image.ShouldBeAtAsync(to.Host, "team/app", "3", Stop);
    }

    [Fact]
    public async Task Within_One_Registry_Layers_Are_Mounted()
    {
        var registry = await StartRegistryAsync();
        var image = TestImage.Create(10_000, 20_000);
        await image.PushAsync(registry.Host, "acme/app", "1", Stop);
        var proxy = await StartProxyAsync(registry.Host);
        var client = Client(registry.Settings() with { Host = proxy.Host });

        await ImageCopy.CopyAsync(client, "acme/app", image.Manifest, client, "team/app", "1", _progress.Add, Stop);

        proxy.Count("GET", "/blobs/").ShouldBe(0);
        proxy.Count("PUT", "/blobs/").ShouldBe(0);
        _progress.ShouldAllBe(line => line.EndsWith("mounted from acme/app", StringComparison.Ordinal));
        await image.ShouldBeAtAsync(registry.Host, "team/app", "1", Stop);
    }

    [Fact]
    public async Task A_Mount_Works_With_Tokens_Too()
    {
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tokens = await StartTokenServerAsync() });
        var open = await StartRegistryAsync();
        var image = TestImage.Create(10_000);
        await image.PushAsync(open.Host, "acme/app", "1", Stop);
        await CopyAsync(open, registry, image.Manifest, toRepository: "acme/app");
        _progress.Clear();
        var client = Client(registry.Settings());

        await ImageCopy.CopyAsync(client, "acme/app", image.Manifest, client, "team/app", "1", _progress.Add, Stop);

        _progress.ShouldAllBe(line => line.EndsWith("mounted from acme/app", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_Index_Comes_With_All_Its_Images()
    {
        var (from, to) = (await StartRegistryAsync(), await StartRegistryAsync());
        TestImage[] images = [TestImage.Create(10_000), TestImage.Create(20_000)];
        foreach (var image in images)
        {
            await image.PushAsync(from.Host, "acme/app", image.Manifest.Digest.Value, Stop);
        }

        var index = TestImage.Index(images);
        await TestImage.PutAsync(from.Host, "acme/app", "1", index, Stop);

        (await CopyAsync(from, to, index)).ShouldBe(index.Digest);

        (await Client(to.Settings()).GetManifestAsync("team/app", "2", Stop)).ShouldBe(index);
        foreach (var image in images)
        {
            await image.ShouldBeAtAsync(to.Host, "team/app", image.Manifest.Digest.Value, Stop);
        }
    }

    [Fact]
    public async Task A_Vendors_Layer_Stays_Where_It_Is()
    {
        var (from, to) = (await StartRegistryAsync(), await StartRegistryAsync());
        var image = TestImage.CreateWithForeignLayer(10_000);
        await image.PushAsync(from.Host, "acme/app", "1", Stop);
        image.Manifest.Blobs.Count.ShouldBe(image.Blobs.Count + 1);

        await CopyAsync(from, to, image.Manifest);

        await image.ShouldBeAtAsync(to.Host, "team/app", "2", Stop);
        _progress.Count(line => line.EndsWith(": copied", StringComparison.Ordinal)).ShouldBe(image.Blobs.Count);
        _progress.Count(line => line.EndsWith("it comes from its vendor", StringComparison.Ordinal)).ShouldBe(1);
    }

    private async Task<Digest> CopyAsync(DockerRegistry from, DockerRegistry to, RegistryManifest manifest, string toRepository = "team/app") =>
        await ImageCopy.CopyAsync(Client(from.Settings()), "acme/app", manifest, Client(to.Settings()), toRepository, "2", _progress.Add, Stop);
}
