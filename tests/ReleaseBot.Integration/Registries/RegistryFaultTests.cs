using System.Net;
using System.Net.Sockets;
using ReleaseBot.Core;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.StandIns.Registry;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Registries;

/// <summary>Each test has a real registry behind a proxy that misbehaves in one way.</summary>
public sealed class RegistryFaultTests : RegistryTestBase
{
    private static readonly Func<ProxiedRequest, bool> Upload = request => request.Method == "PUT" && request.Path.Contains("/blobs/uploads/", StringComparison.Ordinal);
    private static readonly Func<ProxiedRequest, bool> Download = request => request.Method == "GET" && request.Path.Contains("/blobs/", StringComparison.Ordinal);
    private static readonly Func<ProxiedRequest, bool> Manifest = request => request.Path.Contains("/manifests/", StringComparison.Ordinal);

    [Fact]
    public async Task A_Registry_That_Is_Down_Is_Unavailable_And_Then_There_Again()
    {
        var registry = await StartRegistryAsync();
        var client = Client(registry.Settings());
        await client.CheckPushAsync("acme/app", Stop);

        await registry.StopAsync();
        var fault = await Should.ThrowAsync<RegistryException>(client.CheckPushAsync("acme/app", Stop));
        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.StatusCode.ShouldBeNull();
        fault.Message.ShouldContain(registry.Host);

        await registry.StartAsync(Stop);
        await client.CheckPushAsync("acme/app", Stop);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(408)]
    public async Task What_Passes_By_Itself_Is_Tried_Again(int status)
    {
        var (proxy, image) = await StartWithImageAsync();
        proxy.On(Manifest, new ProxyFault.Answer(status), times: 2);

        (await Client(Settings(proxy)).HeadManifestAsync("acme/app", "1", Stop)).ShouldBe(image.Manifest.Digest);

        proxy.Count("HEAD", "/manifests/").ShouldBe(3);
    }

    [Fact]
    public async Task After_Three_Tries_The_Fault_Is_The_Callers()
    {
        var (proxy, _) = await StartWithImageAsync();
        proxy.On(Manifest, new ProxyFault.Answer(503, """{"errors":[{"code":"UNAVAILABLE","message":"service unavailable"}]}"""), times: 10);

        var fault = await Should.ThrowAsync<RegistryException>(Client(Settings(proxy)).GetManifestAsync("acme/app", "1", Stop));

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.StatusCode.ShouldBe(503);
        fault.Message.ShouldContain("503 UNAVAILABLE: service unavailable");
        proxy.Count("GET", "/manifests/").ShouldBe(3);
    }

    [Fact]
    public async Task What_Is_Refused_Is_Not_Tried_Again()
    {
        var (proxy, image) = await StartWithImageAsync();
        proxy.On(Manifest, new ProxyFault.Answer(400, """{"errors":[{"code":"TAG_INVALID","message":"tag is immutable"}]}"""), times: 10);

        var fault = await Should.ThrowAsync<RegistryException>(Client(Settings(proxy)).PutManifestAsync("acme/app", "2", image.Manifest, Stop));

        fault.Fault.ShouldBe(RegistryFault.Refused);
        fault.ErrorCode.ShouldBe("TAG_INVALID");
        proxy.Count("PUT", "/manifests/").ShouldBe(1);
    }

    [Fact]
    public async Task A_Short_Pause_That_The_Registry_Asks_For_Is_Kept()
    {
        var (proxy, image) = await StartWithImageAsync();
        proxy.On(Manifest, Busy("1"));
        var started = TimeProvider.System.GetTimestamp();

        (await Client(Settings(proxy)).HeadManifestAsync("acme/app", "1", Stop)).ShouldBe(image.Manifest.Digest);

        TimeProvider.System.GetElapsedTime(started).ShouldBeGreaterThan(TimeSpan.FromSeconds(0.95));
    }

    [Fact]
    public async Task A_Long_Pause_Is_Left_To_The_Caller()
    {
        var (proxy, _) = await StartWithImageAsync();
        proxy.On(Manifest, Busy("120"), times: 10);

        var fault = await Should.ThrowAsync<RegistryException>(Client(Settings(proxy)).HeadManifestAsync("acme/app", "1", Stop));

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.RetryAfter.ShouldBe(TimeSpan.FromSeconds(120));
        proxy.Requests.Count.ShouldBe(1);
    }

    public static TheoryData<ProxyFault> UploadFaults { get; } =
    [
        new ProxyFault.Answer(500, AfterBytes: 100_000),
        new ProxyFault.Answer(429, AfterBytes: 100_000),
        new ProxyFault.Answer(503),
        new ProxyFault.Cut(100_000),
    ];

    [Theory]
    [MemberData(nameof(UploadFaults), DisableDiscoveryEnumeration = true)]
    public async Task An_Upload_That_Breaks_Starts_Anew_And_Its_Session_Is_Ended(ProxyFault breakage)
    {
        var (source, target, proxy, image) = await StartForCopyAsync();
        proxy.On(Upload, breakage, times: 2);

        await CopyAsync(source.Settings(), image, Settings(proxy));

        await image.ShouldBeAtAsync(target.Host, "team/app", "1", Stop);
        proxy.Pending.ShouldBe(0);
        proxy.Count("DELETE", "/blobs/uploads/").ShouldBe(2);
    }

    [Fact]
    public async Task An_Upload_That_Always_Breaks_Is_Given_Up_Before_The_Tag_Appears()
    {
        var (source, target, proxy, image) = await StartForCopyAsync();
        proxy.On(Upload, new ProxyFault.Answer(500, AfterBytes: 100_000), times: 100);

        var fault = await Should.ThrowAsync<RegistryException>(CopyAsync(source.Settings(), image, Settings(proxy)));

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.Message.ShouldContain(proxy.Host);
        (await Client(target.Settings()).HeadManifestAsync("team/app", "1", Stop)).ShouldBeNull();
        proxy.Heal();
        await CopyAsync(source.Settings(), image, Settings(proxy));
        await image.ShouldBeAtAsync(target.Host, "team/app", "1", Stop);
    }

    [Fact]
    public async Task A_Download_That_Breaks_Starts_Anew_And_Is_Told_Of_The_Source()
    {
        var (target, source, proxy, image) = await StartForCopyAsync(pushTo: 1);
        proxy.On(Download, new ProxyFault.CutAnswer(100_000), times: 2);

        await CopyAsync(Settings(proxy), image, target.Settings());
        await image.ShouldBeAtAsync(target.Host, "team/app", "1", Stop);
        proxy.Pending.ShouldBe(0);

        var other = await StartRegistryAsync();
        await source.StopAsync();
        var fault = await Should.ThrowAsync<RegistryException>(CopyAsync(Settings(proxy), image, other.Settings()));
        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.Message.ShouldStartWith($"{proxy.Host}/acme/app: could not read the blob");
    }

    [Fact]
    public async Task A_Download_That_Stands_Still_Is_Left()
    {
        var (target, _, proxy, image) = await StartForCopyAsync(pushTo: 1);
        proxy.On(Download, new ProxyFault.StallAnswer(100_000));

        await CopyAsync(Settings(proxy), image, target.Settings(), Quick with { Inactivity = TimeSpan.FromSeconds(2) });

        await image.ShouldBeAtAsync(target.Host, "team/app", "1", Stop);
        proxy.Pending.ShouldBe(0);
    }

    [Fact]
    public async Task A_Registry_That_Never_Answers_Is_Unavailable()
    {
        var (proxy, _) = await StartWithImageAsync();
        proxy.On(_ => true, new ProxyFault.Silence(), times: 10);

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(Settings(proxy), Quick with { Headers = TimeSpan.FromSeconds(0.3) }).HeadManifestAsync("acme/app", "1", Stop));

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.InnerException.ShouldBeOfType<TimeoutException>();
        fault.Message.ShouldContain("0.3 s");
        proxy.Count("HEAD", "/manifests/").ShouldBe(1);
    }

    [Fact]
    public async Task What_Is_Wanted_Of_A_Silent_Registry_Fails_At_Once_Until_It_Answers_Anything()
    {
        var (proxy, image) = await StartWithImageAsync();
        proxy.On(_ => true, new ProxyFault.Silence(), times: 1000);
        var client = Client(Settings(proxy), Quick with { Headers = TimeSpan.FromSeconds(1), SilencePause = TimeSpan.FromMilliseconds(20) });
        await Should.ThrowAsync<RegistryException>(client.HeadManifestAsync("acme/app", "1", Stop));

        foreach (var repository in new[] { "acme/app", "acme/other" })
        {
            var fault = await Should.ThrowAsync<RegistryException>(client.GetManifestAsync(repository, "1", Stop));
            fault.Fault.ShouldBe(RegistryFault.Unavailable);
            fault.Message.ShouldStartWith($"{proxy.Host}/{repository}: could not read the manifest 1: ");
            fault.Message.ShouldContain("answers nothing");
        }

        // Neither was sent.
        proxy.Count("GET", "/manifests/").ShouldBe(0);
        proxy.Heal();
        (await UntilHeardAsync(client)).ShouldBe(image.Manifest.Digest);
    }

    [Fact]
    public async Task One_Request_That_Stands_Still_Does_Not_Keep_Others_From_A_Registry_That_Answers()
    {
        var (proxy, image) = await StartWithImageAsync();
        proxy.On(Manifest, new ProxyFault.Silence());
        var client = Client(Settings(proxy), Quick with { Headers = TimeSpan.FromSeconds(0.3), SilencePause = TimeSpan.FromHours(1) });
        await Should.ThrowAsync<RegistryException>(client.HeadManifestAsync("acme/app", "1", Stop));

        (await UntilHeardAsync(client)).ShouldBe(image.Manifest.Digest);

        proxy.Count("GET", "/v2/").ShouldBe(1);
    }

    private static async Task<Digest?> UntilHeardAsync(RegistryClient client)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                return await client.HeadManifestAsync("acme/app", "1", limit.Token);
            }
            catch (RegistryException exception) when (exception.IsTransient)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, limit.Token);
            }
        }
    }

    [Fact]
    public async Task A_Connection_That_Is_Never_Made_Is_Unavailable()
    {
        // Accepts, and then says nothing of TLS.
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var settings = new RegistrySettings { Name = "test", Host = listener.LocalEndpoint.ToString()! };

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(settings, Quick with { Connect = TimeSpan.FromSeconds(0.3) }).HeadManifestAsync("acme/app", "1", Stop));

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.Message.ShouldContain("no connection was made in time");
    }

    [Fact]
    public async Task A_Cancelled_Request_Stays_A_Cancellation()
    {
        var (proxy, _) = await StartWithImageAsync();
        proxy.On(_ => true, new ProxyFault.Silence(), times: 10);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(0.3), TimeProvider.System);

        await Should.ThrowAsync<OperationCanceledException>(Client(Settings(proxy)).HeadManifestAsync("acme/app", "1", stop.Token));
    }

    [Fact]
    public async Task Bytes_That_Are_Not_Those_Of_The_Digest_Are_Never_Copied()
    {
        var (target, _, proxy, image) = await StartForCopyAsync(pushTo: 1);
        proxy.On(Download, new ProxyFault.Change((_, answer) => answer.Body[0] ^= 1), times: 100);

        var fault = await Should.ThrowAsync<RegistryException>(CopyAsync(Settings(proxy), image, target.Settings()));

        fault.Fault.ShouldBe(RegistryFault.Corrupt);
        fault.Message.ShouldStartWith($"{proxy.Host}/acme/app: could not read the blob");
        (await Client(target.Settings()).HeadManifestAsync("team/app", "1", Stop)).ShouldBeNull();
    }

    [Fact]
    public async Task A_Manifest_That_Was_Changed_On_The_Way_Is_Not_Taken()
    {
        var (proxy, image) = await StartWithImageAsync();
        proxy.On(Manifest, new ProxyFault.Change((_, answer) => answer.Body = [.. answer.Body, (byte)' ']), times: 2);
        var client = Client(Settings(proxy));

        foreach (var reference in new[] { "1", image.Manifest.Digest.Value })
        {
            var fault = await Should.ThrowAsync<RegistryException>(client.GetManifestAsync("acme/app", reference, Stop));
            fault.Fault.ShouldBe(RegistryFault.Corrupt);
        }
    }

    [Fact]
    public async Task A_Registry_That_Confirms_Another_Digest_Is_Not_Believed()
    {
        var (proxy, image) = await StartWithImageAsync();
        var lie = Digest.Of("lie"u8);
        proxy.On(Manifest, new ProxyFault.Change((_, answer) => answer.Headers["Docker-Content-Digest"] = lie.Value), times: 2);
        var client = Client(Settings(proxy));

        foreach (var call in new Func<Task>[]
        {
            () => client.PutManifestAsync("acme/app", "2", image.Manifest, Stop),
            () => client.HeadManifestAsync("acme/app", image.Manifest.Digest.Value, Stop),
        })
        {
            var fault = await Should.ThrowAsync<RegistryException>(call);
            fault.Fault.ShouldBe(RegistryFault.Corrupt);
            fault.Message.ShouldContain(lie.Value);
        }
    }

    [Fact]
    public async Task A_Registry_That_Leaves_The_Digest_Out_Is_Read_Back()
    {
        var (proxy, image) = await StartWithImageAsync();
        proxy.On(Manifest, new ProxyFault.Change((_, answer) => answer.Headers.Remove("Docker-Content-Digest")), times: 10);

        (await Client(Settings(proxy)).PutManifestAsync("acme/app", "2", image.Manifest, Stop)).ShouldBe(image.Manifest.Digest);

        proxy.Requests.Select(request => request.Method).ShouldBe(["PUT", "HEAD", "GET"]);
    }

    [Fact]
    public async Task An_Answer_Without_End_Is_Not_Read()
    {
        var (proxy, _) = await StartWithImageAsync();
        proxy.On(Manifest, new ProxyFault.Answer(200, new string(' ', 5_000_000)), times: 10);

        var fault = await Should.ThrowAsync<RegistryException>(Client(Settings(proxy)).GetManifestAsync("acme/app", "1", Stop));

        fault.Fault.ShouldBe(RegistryFault.Refused);
        proxy.Requests.Count.ShouldBe(1);
    }

    private static ProxyFault.Answer Busy(string seconds) => new(429) { Headers = new Dictionary<string, string> { ["Retry-After"] = seconds } };

    private static RegistrySettings Settings(FaultProxy proxy) => new() { Name = "test", Host = proxy.Host, Insecure = true };

    private async Task<(FaultProxy Proxy, TestImage Image)> StartWithImageAsync()
    {
        var registry = await StartRegistryAsync();
        var image = TestImage.Create(1000);
        await image.PushAsync(registry.Host, "acme/app", "1", Stop);
        return (await StartProxyAsync(registry.Host), image);
    }

    /// <summary>Two registries, the second behind a proxy, and an image with one layer of a megabyte in one of them.</summary>
    private async Task<(DockerRegistry Plain, DockerRegistry Proxied, FaultProxy Proxy, TestImage Image)> StartForCopyAsync(int pushTo = 0)
    {
        DockerRegistry[] registries = [await StartRegistryAsync(), await StartRegistryAsync()];
        var image = TestImage.Create(1_000_000);
        await image.PushAsync(registries[pushTo].Host, "acme/app", "1", Stop);
        return (registries[0], registries[1], await StartProxyAsync(registries[1].Host), image);
    }

    private async Task CopyAsync(RegistrySettings from, TestImage image, RegistrySettings to, RegistryLimits? limits = null) =>
        await ImageCopy.CopyAsync(Client(from, limits), "acme/app", image.Manifest, Client(to, limits), "team/app", "1", null, Stop);
}
