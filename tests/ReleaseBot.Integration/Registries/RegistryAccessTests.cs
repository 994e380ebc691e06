using System.Text;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.StandIns.Registry;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Registries;

public sealed class RegistryAccessTests : RegistryTestBase
{
    private static readonly Secret WrongPassword = new("wr0ng-word");

    [Fact]
    public async Task Basic_Credentials_Open_A_Registry()
    {
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Htpasswd = true });

        await Client(registry.Settings()).CheckPushAsync("acme/app", Stop);
    }

    [Fact]
    public async Task A_Wrong_Password_Is_Denied_At_Once_And_Not_Told()
    {
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Htpasswd = true });
        var proxy = await StartProxyAsync(registry.Host);

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(registry.Settings("hub") with { Host = proxy.Host, Password = WrongPassword }).CheckPushAsync("acme/app", Stop));

        ShouldBeDenied(fault, "Registries:hub:Password");
        proxy.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_Registry_That_Wants_A_User_Where_None_Is_Configured_Says_So()
    {
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Htpasswd = true });

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(registry.Settings("hub") with { Username = null, Password = null }).HeadManifestAsync("acme/app", "1", Stop));

        ShouldBeDenied(fault, "Registries:hub:Username");
    }

    [Fact]
    public async Task A_Bearer_Token_Opens_A_Registry_And_Serves_Again()
    {
        var tokens = await StartTokenServerAsync();
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tokens = tokens });
        var client = Client(registry.Settings());

        await client.CheckPushAsync("acme/app", Stop);
        (await client.HeadManifestAsync("acme/app", "1", Stop)).ShouldBeNull();
        await client.CheckPushAsync("acme/other", Stop);

        tokens.Requests.Select(request => request.Scopes.ShouldHaveSingleItem()).ShouldBe(
        [
            "repository:acme/app:pull,push", "repository:acme/app:delete", "repository:acme/other:pull,push", "repository:acme/other:delete",
        ]);
    }

    [Fact]
    public async Task A_Token_Server_That_Refuses_The_Password_Denies()
    {
        var tokens = await StartTokenServerAsync();
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tokens = tokens });

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(registry.Settings("gitlab") with { Password = WrongPassword }).CheckPushAsync("acme/app", Stop));

        ShouldBeDenied(fault, "Registries:gitlab:Password");
        fault.Message.ShouldContain("HTTP Basic: Access denied");
        tokens.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_User_Who_May_Only_Read_Reads_And_Is_Denied_The_Push()
    {
        var tokens = await StartTokenServerAsync(new TokenUser("reader", "read-it-1") { Actions = _ => ["pull"] });
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tokens = tokens });
        var client = Client(registry.Settings() with { Username = "reader", Password = new Secret("read-it-1") });

        (await client.HeadManifestAsync("acme/app", "1", Stop)).ShouldBeNull();
        var fault = await Should.ThrowAsync<RegistryException>(client.CheckPushAsync("acme/app", Stop));

        ShouldBeDenied(fault, "may pull and push");
    }

    [Fact]
    public async Task A_Token_That_Ended_Early_Is_Replaced_By_A_Fresh_One()
    {
        var tokens = await StartTokenServerAsync();
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tokens = tokens });
        var client = Client(registry.Settings());
        await client.HeadManifestAsync("acme/app", "1", Stop);

        tokens.EndNext(1);
        (await client.HeadManifestAsync("acme/other", "1", Stop)).ShouldBeNull();

        tokens.Requests.Select(request => request.Scopes[0])
            .ShouldBe(["repository:acme/app:pull,push", "repository:acme/other:pull,push", "repository:acme/other:pull,push"]);
    }

    [Fact]
    public async Task A_Token_Is_Replaced_Before_It_Ends()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var tokens = await StartTokenServerAsync();
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tokens = tokens });
        var client = Client(registry.Settings(), time: time);

        await client.HeadManifestAsync("acme/app", "1", Stop);
        time.Advance(tokens.Lifetime - TimeSpan.FromSeconds(40));
        await client.HeadManifestAsync("acme/app", "1", Stop);
        tokens.Requests.Count.ShouldBe(1);

        time.Advance(TimeSpan.FromSeconds(20));
        await client.HeadManifestAsync("acme/app", "1", Stop);
        tokens.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task An_Untrusted_Realm_Gets_Nothing_At_All()
    {
        var registry = await StartRegistryAsync();
        var harvester = await StartProxyAsync(registry.Host);
        var proxy = await StartProxyAsync(registry.Host);
        proxy.On(_ => true, Challenge($"Bearer realm=\"http://{harvester.Host}/token\",service=\"s\""), times: 10);

        var fault = await Should.ThrowAsync<RegistryException>(Client(WithCredentials(proxy.Host)).CheckPushAsync("acme/app", Stop));

        ShouldBeDenied(fault, "Registries:hub:TokenRealm");
        fault.Message.ShouldContain($"http://{harvester.Host}/token");
        harvester.Requests.ShouldBeEmpty();
        proxy.Requests.ShouldHaveSingleItem().Authorization.ShouldBeNull();
    }

    [Fact]
    public async Task A_Redirect_To_Another_Host_Takes_No_Credentials_Along()
    {
        var registry = await StartRegistryAsync();
        var image = TestImage.Create(5000);
        await image.PushAsync(registry.Host, "acme/app", "1", Stop);
        var storage = await StartProxyAsync(registry.Host);
        var proxy = await StartProxyAsync(registry.Host);
        proxy.On(_ => true, Challenge("Basic realm=\"r\""));
        proxy.On(request => request.Method == "GET" && request.Path.Contains("/blobs/", StringComparison.Ordinal), new ProxyFault.Change((request, answer) =>
        {
            answer.Status = 307;
            answer.Headers["Location"] = $"http://{storage.Host}{request.Path}?Signature=abc";
            answer.Body = [];
        }), times: 10);
        var target = await StartRegistryAsync();

        var manifest = await Client(WithCredentials(proxy.Host)).GetManifestAsync("acme/app", "1", Stop);
        await ImageCopy.CopyAsync(Client(WithCredentials(proxy.Host)), "acme/app", manifest!, Client(target.Settings()), "acme/app", "1", null, Stop);

        await image.ShouldBeAtAsync(target.Host, "acme/app", "1", Stop);
        storage.Requests.Count.ShouldBe(image.Blobs.Count);
        storage.Requests.ShouldAllBe(request => request.Authorization == null);
        proxy.Requests.ShouldContain(request => request.Authorization != null);
    }

    [Fact]
    public async Task An_Upload_That_Is_Sent_To_Another_Host_Takes_No_Credentials_Along()
    {
        var source = await StartRegistryAsync();
        var image = TestImage.Create(5000);
        await image.PushAsync(source.Host, "acme/app", "1", Stop);
        var registry = await StartRegistryAsync();
        var storage = await StartProxyAsync(registry.Host);
        var proxy = await StartProxyAsync(registry.Host);
        proxy.On(_ => true, Challenge("Basic realm=\"r\""));
        proxy.On(request => request.Method == "POST", new ProxyFault.Change((_, answer) =>
            answer.Headers["Location"] = answer.Headers["Location"].Replace(proxy.Host, storage.Host, StringComparison.Ordinal)), times: 10);

        await ImageCopy.CopyAsync(Client(source.Settings()), "acme/app", image.Manifest, Client(WithCredentials(proxy.Host)), "acme/app", "1", null, Stop);

        await image.ShouldBeAtAsync(registry.Host, "acme/app", "1", Stop);
        storage.Count("PUT", "/blobs/uploads/").ShouldBe(image.Blobs.Count);
        storage.Requests.ShouldAllBe(request => request.Authorization == null);
        proxy.Requests.ShouldContain(request => request.Authorization != null);
    }

    [Fact]
    public async Task A_Private_Authority_Is_Trusted_Where_It_Is_Configured()
    {
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tls = true, Htpasswd = true });

        await Client(registry.Settings()).CheckPushAsync("acme/app", Stop);
    }

    [Fact]
    public async Task A_Private_Authority_Is_Not_Trusted_Otherwise_And_The_Cure_Is_Told()
    {
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tls = true });

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(registry.Settings("hub") with { CaFile = null }).HeadManifestAsync("acme/app", "1", Stop));

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.Message.ShouldContain("Registries:hub:CaFile");
    }

    [Fact]
    public async Task A_Registry_Without_Tls_Is_Told_From_One_With_A_Bad_Certificate()
    {
        var registry = await StartRegistryAsync(new DockerRegistryOptions());

        var fault = await Should.ThrowAsync<RegistryException>(
            Client(registry.Settings("hub") with { Insecure = false }).HeadManifestAsync("acme/app", "1", Stop));

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.Message.ShouldContain("Registries:hub:Insecure");
        fault.Message.ShouldNotContain("CaFile");
    }

    // The certificate is for 127.0.0.1 alone.
    [Fact]
    public async Task A_Certificate_For_Another_Name_Is_Not_Trusted()
    {
        var registry = await StartRegistryAsync(new DockerRegistryOptions { Tls = true });
        var settings = registry.Settings() with { Host = registry.Host.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) };

        var fault = await Should.ThrowAsync<RegistryException>(Client(settings).HeadManifestAsync("acme/app", "1", Stop));

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
    }

    private static ProxyFault.Answer Challenge(string challenge) => new(401) { Headers = new Dictionary<string, string> { ["WWW-Authenticate"] = challenge } };

    private static RegistrySettings WithCredentials(string host) => new()
    {
        Name = "hub",
        Host = host,
        Insecure = true,
        Username = DockerRegistry.Username,
        Password = new Secret(DockerRegistry.Password),
    };

    private static void ShouldBeDenied(RegistryException fault, string cure)
    {
        fault.Fault.ShouldBe(RegistryFault.Denied);
        fault.Message.ShouldContain(cure);
        foreach (var secret in new[] { WrongPassword.Reveal(), DockerRegistry.Password, Convert.ToBase64String(Encoding.UTF8.GetBytes($"{DockerRegistry.Username}:{WrongPassword.Reveal()}")) })
        {
            fault.ToString().ShouldNotContain(secret);
        }
    }
}
