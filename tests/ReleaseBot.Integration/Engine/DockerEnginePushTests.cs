using System.Net;
using System.Runtime.Versioning;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.Registry;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Engine;

/// <summary>Pushes from a real engine to a real registry.</summary>
[SupportedOSPlatform("linux")]
[Collection(EngineCollection.Name)]
public sealed class DockerEnginePushTests(DockerEngineFixture fixture) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly DockerEngine _engine = Engines.To(fixture.Endpoint);
    private PrivateRegistry? _registry;
    private string? _imageId;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private PrivateRegistry Registry => _registry ?? throw new InvalidOperationException("The registry has not been started.");

    private string ImageId => _imageId ?? throw new InvalidOperationException("The image has not been built.");

    public async ValueTask InitializeAsync()
    {
        _registry = await PrivateRegistry.StartAsync(Token);
        _imageId = (await _engine.BuildAsync(new Repository("FROM scratch\nCOPY noise /\n").Noise("noise", 500_000).Request("pushed"), new LineLog(), Token)).ImageId;
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        await Registry.DisposeAsync();
    }

    [Fact]
    public async Task A_Pushed_Image_Is_In_The_Registry_Under_The_Digest_Told_And_Its_Local_Tag_Is_Gone()
    {
        var progress = new List<string>();

        var digest = await _engine.PushAsync(ImageId, Target("shop/app", "1.0.0"), Registry.Bob, Patience, progress.Add, Token);

        using var client = Registry.Client();
        Digest.Of(await client.GetByteArrayAsync("shop/app/manifests/1.0.0", Token)).ShouldBe(digest);
        progress.ShouldContain(line => line.EndsWith(": Pushed", StringComparison.Ordinal), string.Join('\n', progress));
        (await LocalTagsAsync()).ShouldBe(["releasebot/pushed:build"]);
        // Again, as after a crash: nothing is harmed.
        (await _engine.PushAsync(ImageId, Target("shop/app", "1.0.0"), Registry.Bob, Patience, progress: null, Token)).ShouldBe(digest);
    }

    [Fact]
    public async Task A_Wrong_Password_And_None_At_All_Are_Denied_In_The_Registrys_Words()
    {
        var wrong = Registry.Bob with { Password = new Secret("not-the-password") };
        foreach (var credential in new[] { wrong, null })
        {
            var fault = await FaultAsync(Target("shop/app", "1.0.0"), credential);
            fault.Fault.ShouldBe(PushFault.NotLoggedIn, fault.Message);
            fault.Message.ShouldNotContain("not-the-password");
        }

        (await LocalTagsAsync()).ShouldBe(["releasebot/pushed:build"]);
    }

    [Fact]
    public async Task A_Registry_That_Is_Down_Is_Unavailable()
    {
        var nobody = new ImageRepository($"127.0.0.1:{Ports.Free()}", "shop/app").WithTag("1.0.0");
        var fault = await FaultAsync(nobody, Registry.Bob);
        fault.Fault.ShouldBe(PushFault.Unavailable);
        fault.Message.ShouldContain("connection refused");
        (await LocalTagsAsync()).ShouldBe(["releasebot/pushed:build"]);
    }

    [Fact]
    public async Task A_Push_That_Stands_Still_Is_Left_And_Does_Not_Keep_The_Image_From_Other_Registries()
    {
        var proxy = await FaultProxy.StartAsync(Registry.Host, Token);
        await using var _ = proxy;
        proxy.On(request => request.Is("PATCH", "/blobs/uploads/"), new ProxyFault.Silence());
        var target = new ImageRepository(proxy.Host, "shop/app").WithTag("1.0.0");

        var fault = await Should.ThrowAsync<EnginePushException>(() =>
            _engine.PushAsync(ImageId, target, Registry.Bob, TimeSpan.FromSeconds(2), progress: null, Token));

        fault.Fault.ShouldBe(PushFault.Unavailable);
        fault.Message.ShouldContain("made no progress for 2 s");
        (await LocalTagsAsync()).ShouldBe(["releasebot/pushed:build"]);
        proxy.Pending.ShouldBe(0);
        var digest = await _engine.PushAsync(ImageId, Target("shop/other", "1.0.0"), Registry.Bob, Patience, progress: null, Token);
        // The connection ends at last.
        await proxy.DisposeAsync();
        await using var after = await FaultProxy.StartAsync(Registry.Host, Token, new Uri($"http://{target.Repository.Host}").Port);
        (await _engine.PushAsync(ImageId, target, Registry.Bob, Patience, progress: null, Token)).ShouldBe(digest);
    }

    [Fact]
    public async Task An_Image_The_Engine_Does_Not_Hold_Is_Said_To_Be_Missing()
    {
        var fault = await Should.ThrowAsync<EnginePushException>(() =>
            _engine.PushAsync($"sha256:{new string('0', 64)}", Target("shop/app", "1"), Registry.Bob, Patience, progress: null, Token));
        fault.Fault.ShouldBe(PushFault.ImageMissing);
    }

    [Fact]
    public async Task Pushes_Side_By_Side_Do_Not_Disturb_Each_Other()
    {
        var digests = await Task.WhenAll(Enumerable.Range(1, 3).Select(number =>
            _engine.PushAsync(ImageId, Target($"side/app-{number}", "1.0.0"), Registry.Bob, Patience, progress: null, Token)));

        digests.Distinct().ShouldHaveSingleItem();
        using var client = Registry.Client();
        (await client.GetAsync("side/app-3/manifests/1.0.0", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private ImageRef Target(string name, string tag) => new ImageRepository(Registry.Host, name).WithTag(tag);

    private Task<EnginePushException> FaultAsync(ImageRef target, RegistryCredential? credential) =>
        Should.ThrowAsync<EnginePushException>(() => _engine.PushAsync(ImageId, target, credential, Patience, progress: null, Token));

    private async Task<string?[]> LocalTagsAsync() =>
        [.. (await fixture.Daemon.GetAsync($"images/{ImageId}/json", Token)).GetProperty("RepoTags").EnumerateArray().Select(tag => tag.GetString())];
}
