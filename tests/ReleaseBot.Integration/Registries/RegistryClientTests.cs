using System.Text;
using System.Text.Json;
using System.Web;
using ReleaseBot.Core;
using ReleaseBot.Registries;
using ReleaseBot.StandIns.Registry;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Registries;

public sealed class RegistryClientTests : RegistryTestBase
{
    [Fact]
    public async Task A_Retagged_Image_Keeps_Its_Digest_And_Its_Bytes()
    {
        var registry = await StartRegistryAsync();
        var image = TestImage.Create(1000, 2000);
        await image.PushAsync(registry.Host, "acme/app", "1.0.0", Stop);
        var client = Client(registry.Settings());

        var manifest = await client.GetManifestAsync("acme/app", "1.0.0", Stop);
        manifest.ShouldBe(image.Manifest);
        (await client.PutManifestAsync("acme/app", "latest", manifest!, Stop)).ShouldBe(image.Manifest.Digest);

        (await client.HeadManifestAsync("acme/app", "latest", Stop)).ShouldBe(image.Manifest.Digest);
        (await client.HeadManifestAsync("acme/app", image.Manifest.Digest.Value, Stop)).ShouldBe(image.Manifest.Digest);
        await image.ShouldBeAtAsync(registry.Host, "acme/app", "latest", Stop);
    }

    [Fact]
    public async Task What_Is_Not_There_Is_Null_And_No_Fault()
    {
        var registry = await StartRegistryAsync();
        await TestImage.Create(100).PushAsync(registry.Host, "acme/app", "1", Stop);
        var client = Client(registry.Settings());

        (await client.GetManifestAsync("acme/app", "2", Stop)).ShouldBeNull();
        (await client.HeadManifestAsync("acme/app", "2", Stop)).ShouldBeNull();
        (await client.GetManifestAsync("acme/none", "1", Stop)).ShouldBeNull();
        (await client.HeadManifestAsync("acme/app", Digest.Of("x"u8).Value, Stop)).ShouldBeNull();
        (await client.ListTagsAsync("acme/none", Stop).ToListAsync(Stop)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Manifest_Whose_Layers_Are_Missing_Is_Refused_With_The_Registrys_Words()
    {
        var registry = await StartRegistryAsync();

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(registry.Settings()).PutManifestAsync("acme/app", "1", TestImage.Create(100).Manifest, Stop));

        fault.Fault.ShouldBe(RegistryFault.Refused);
        fault.StatusCode.ShouldBe(400);
        fault.ErrorCode.ShouldBe("MANIFEST_BLOB_UNKNOWN");
        fault.Message.ShouldContain($"{registry.Host}/acme/app");
    }

    [Fact]
    public async Task A_Check_Of_The_Right_To_Push_Leaves_Nothing_Behind()
    {
        var registry = await StartRegistryAsync();

        await Client(registry.Settings()).CheckPushAsync("acme/new", Stop);

        // docker-registry 2.8 itself leaves an empty hash state.
        Directory.EnumerateFiles(registry.DataDirectory, "*", SearchOption.AllDirectories)
            .ShouldAllBe(file => file.Contains("/hashstates/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task All_Tags_Are_Listed_From_A_Registry_That_Does_Not_Page()
    {
        var (host, tags) = await PushManyTagsAsync(5000);

        (await Client(Settings(host)).ListTagsAsync("acme/app", Stop).ToListAsync(Stop)).Order(StringComparer.Ordinal).ShouldBe(tags);
    }

    [Fact]
    public async Task All_Tags_Are_Listed_Page_By_Page()
    {
        var (host, tags) = await PushManyTagsAsync(2100);
        var proxy = await StartProxyAsync(host);
        PageTags(proxy);

        var listed = await Client(Settings(proxy.Host)).ListTagsAsync("acme/app", Stop).ToListAsync(Stop);

        listed.ShouldBe(tags);
        proxy.Requests.Count.ShouldBe(3);
        proxy.Requests.ShouldAllBe(request => request.Query.Contains("n=1000", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pages_That_Go_Round_Are_Left()
    {
        var (host, _) = await PushManyTagsAsync(3);
        var proxy = await StartProxyAsync(host);
        proxy.On(
            request => request.Path.EndsWith("/tags/list", StringComparison.Ordinal),
            new ProxyFault.Change((_, answer) => answer.Headers["Link"] = "</v2/acme/app/tags/list?n=1000&last=b>; rel=\"next\""),
            times: 100);

        var fault = await Should.ThrowAsync<RegistryException>(Client(Settings(proxy.Host)).ListTagsAsync("acme/app", Stop).ToListAsync(Stop).AsTask());

        fault.Fault.ShouldBe(RegistryFault.Corrupt);
        proxy.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task More_Tags_Than_Can_Be_Are_Refused_And_Not_Cut()
    {
        var (host, _) = await PushManyTagsAsync(3);

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(Settings(host), Quick with { Tags = 2 }).ListTagsAsync("acme/app", Stop).ToListAsync(Stop).AsTask());

        fault.Fault.ShouldBe(RegistryFault.Refused);
    }

    [Theory]
    [InlineData("acme/../secret", "1")]
    [InlineData("acme/app?x=1", "1")]
    [InlineData("Acme/App", "1")]
    [InlineData("acme/app", "1/../../other/manifests/2")]
    [InlineData("acme/app", "sha256:abc")]
    public async Task A_Name_That_Would_Be_Another_Address_Is_Not_Sent(string repository, string reference) =>
        await Should.ThrowAsync<ArgumentException>(Client(Settings("127.0.0.1:1")).GetManifestAsync(repository, reference, Stop));

    [Fact]
    public void Plain_Http_Beyond_Loopback_Is_Not_Spoken() =>
        Should.Throw<ArgumentException>(() => Client(Settings("registry.example"))).Message.ShouldContain("Registries:test:Insecure");

    private static RegistrySettings Settings(string host) => new() { Name = "test", Host = host, Insecure = true };

    private async Task<(string Host, IReadOnlyList<string> Tags)> PushManyTagsAsync(int count)
    {
        var registry = await StartRegistryAsync();
        var image = TestImage.Create(100);
        string[] tags = [.. Enumerable.Range(1000, count).Select(number => $"v1.0.{number}")];
        await image.PushAsync(registry.Host, "acme/app", tags[0], Stop);
        // As the registry itself keeps them (distribution/distribution registry/storage/paths.go): thousands of puts would take half a minute.
        var kept = Path.Combine(registry.DataDirectory, "docker/registry/v2/repositories/acme/app/_manifests/tags");
        foreach (var tag in tags)
        {
            Directory.CreateDirectory(Path.Combine(kept, tag, "current"));
            await File.WriteAllTextAsync(Path.Combine(kept, tag, "current/link"), image.Manifest.Digest.Value, Stop);
        }

        return (registry.Host, tags);
    }

    /// <summary>Pages as the distribution specification has it, which docker-registry 2.8 does not do: n tags after last, and a link to the rest.</summary>
    private static void PageTags(FaultProxy proxy)
    {
        proxy.On(
            request => request.Path.EndsWith("/tags/list", StringComparison.Ordinal),
            new ProxyFault.Change((request, answer) =>
            {
                var query = HttpUtility.ParseQueryString(request.Query);
                using var list = JsonDocument.Parse(answer.Body);
                string[] rest =
                [
                    .. list.RootElement.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()!).Order(StringComparer.Ordinal)
                        .Where(tag => string.CompareOrdinal(tag, query["last"] ?? "") > 0),
                ];
                string[] page = [.. rest.Take(int.Parse(query["n"]!, null))];
                answer.Body = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { name = "acme/app", tags = page }));
                if (page.Length < rest.Length)
                {
                    answer.Headers["Link"] = $"</v2/acme/app/tags/list?last={page[^1]}&n={query["n"]}>; rel=\"next\"";
                }
            }),
            times: 100);
    }
}
