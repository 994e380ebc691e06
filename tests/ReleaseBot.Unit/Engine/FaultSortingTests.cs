using System.Text;
using System.Text.Json;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.Engine.Building;
using ReleaseBot.Engine.Connection;
using ReleaseBot.Engine.Pushing;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Engine;

/// <summary>The words are what engines and registries really answer.</summary>
public sealed class FaultSortingTests
{
    private static readonly RegistryCredential Bob = new("registry.example", "bob", new Secret("s3cret/+pass"));

    [Theory]
    [InlineData("unauthorized: authentication required", PushFault.NotLoggedIn)]
    [InlineData("denied: requested access to the resource is denied", PushFault.Denied)]
    [InlineData("no basic auth credentials", PushFault.NotLoggedIn)]
    [InlineData("unauthorized: incorrect username or password", PushFault.Denied)]
    [InlineData("error parsing HTTP 403 response body: unexpected end of JSON input: \"\"", PushFault.Denied)]
    [InlineData("Get \"https://r.example/jwt/auth\": unauthorized: HTTP Basic: Access denied", PushFault.Denied)]
    [InlineData("Get \"http://127.0.0.1:5999/v2/\": dial tcp 127.0.0.1:5999: connect: connection refused", PushFault.Unavailable)]
    [InlineData("Get \"https://r.example/v2/\": dial tcp: lookup r.example on 127.0.0.53:53: no such host", PushFault.Unavailable)]
    [InlineData("Get \"https://r.example/v2/\": net/http: TLS handshake timeout", PushFault.Unavailable)]
    [InlineData("Get \"https://r.example/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)", PushFault.Unavailable)]
    [InlineData("Patch \"https://r.example/v2/a/blobs/uploads/1\": write tcp 10.0.0.1:1->10.0.0.2:443: write: connection reset by peer", PushFault.Unavailable)]
    [InlineData("Put \"https://r.example/v2/a/blobs/uploads/1\": EOF", PushFault.Unavailable)]
    [InlineData("received unexpected HTTP status: 503 Service Unavailable", PushFault.Unavailable)]
    [InlineData("received unexpected HTTP status: 500 Internal Server Error", PushFault.Unavailable)]
    [InlineData("error parsing HTTP 408 response body: invalid character '<'", PushFault.Unavailable)]
    [InlineData("error parsing HTTP 429 response body: invalid character", PushFault.Unavailable)]
    [InlineData("toomanyrequests: You have reached your pull rate limit", PushFault.Unavailable)]
    [InlineData("unavailable: service unavailable", PushFault.Unavailable)]
    [InlineData("unknown: unknown error", PushFault.Unavailable)]
    [InlineData("manifest invalid: manifest invalid", PushFault.Refused)]
    [InlineData("tag invalid: The image tag 'v1' already exists and cannot be overwritten because the repository is immutable.", PushFault.Refused)]
    [InlineData("name unknown: The repository with name 'a' does not exist in the registry", PushFault.Refused)]
    [InlineData("Get \"https://r.example/v2/\": x509: certificate signed by unknown authority", PushFault.Refused)]
    [InlineData("Get \"https://r.example/v2/\": http: server gave HTTP response to HTTPS client", PushFault.Refused)]
    [InlineData("An image does not exist locally with the tag: r.example/a", PushFault.ImageMissing)]
    public void Push_Errors_Are_Sorted_By_What_Helps(string message, PushFault fault) => PushFaults.Sort(message).ShouldBe(fault);

    [Fact]
    public void What_A_Push_Says_Holds_No_Credentials()
    {
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes("bob:s3cret/+pass"));
        var said = PushFaults.Redact($"Get https://bob:s3cret%2F%2Bpass@r/v2/: Basic {basic}\nfor s3cret/+pass and s3cret%2F%2Bpass", Bob);

        said.ShouldBe("Get https://r/v2/: Basic *** for *** and ***");
    }

    [Fact]
    public void A_Status_Without_Words_Is_Told_As_The_Registrys() =>
        PushFaults.Redact("error parsing HTTP 429 response body: unexpected end of JSON input: \"\"", Bob)
            .ShouldBe("the registry answered the engine with HTTP 429, and no words of its own");

    [Fact]
    public void A_Failing_Step_Is_The_Users_Whatever_It_Says()
    {
        var fault = BuildFaults.Sort("executor failed running [/bin/sh -c echo connection refused: 503 Service Unavailable; false]: exit code: 1", lacksHeredocs: true);
        fault.ShouldBeOfType<BuildFailedException>().IsTransient.ShouldBeFalse();
    }

    [Theory]
    [InlineData("failed to solve with frontend dockerfile.v0: failed to create LLB definition: failed to do request: Head \"http://127.0.0.1:5006/v2/x/manifests/1\": dial tcp 127.0.0.1:5006: connect: connection refused")]
    [InlineData("unexpected status from HEAD request to https://registry-1.docker.io/v2/library/alpine/manifests/3: 429 Too Many Requests")]
    public void A_Base_That_Cannot_Be_Had_Now_May_Be_Had_Later(string message) =>
        BuildFaults.Sort(message, lacksHeredocs: false).ShouldBeOfType<BuildFailedException>().IsTransient.ShouldBeTrue();

    [Theory]
    [InlineData("failed to do request: Head \"https://no.such.host/v2/x/manifests/1\": dial tcp: lookup no.such.host on 127.0.0.11:53: no such host", "no.such.host")]
    [InlineData("Get \"https://regstry.example:5000/v2/\": dial tcp: lookup regstry.example: no such host", "regstry.example")]
    [InlineData("Get \"https://regstry.example/v2/\": dial tcp: lookup regstry.example. on [fd00::1]:53: no such host", "regstry.example")]
    public void A_Base_On_An_Unknown_Host_Is_Told_By_The_Hosts_Name(string message, string host)
    {
        var fault = BuildFaults.Sort(message, lacksHeredocs: false).ShouldBeOfType<BuildFailedException>();

        fault.UnknownHost.ShouldBe(host);
        fault.Message.ShouldContain($"DNS does not know {host},");
        fault.IsTransient.ShouldBeTrue();
    }

    [Theory]
    [InlineData("dial tcp: lookup r.example on 127.0.0.11:53: server misbehaving")]
    [InlineData("dial tcp: lookup r.example on 127.0.0.11:53: read udp 127.0.0.1:40000->127.0.0.11:53: i/o timeout")]
    [InlineData("dial tcp: lookup r.example: Temporary failure in name resolution")]
    [InlineData("dial tcp: lookup registry-1.docker.io on 127.0.0.11:53: no such host")]
    public void Trouble_With_Dns_Itself_Is_Waited_For_Like_A_Registry(string message)
    {
        var fault = BuildFaults.Sort(message, lacksHeredocs: false).ShouldBeOfType<BuildFailedException>();
        (fault.IsTransient, fault.UnknownHost).ShouldBe((true, null));
    }

    [Theory]
    [InlineData("failed to solve: Canceled: context canceled")]
    [InlineData("no active session for x: context deadline exceeded")]
    public void The_Engines_Own_Trouble_Is_Not_The_Dockerfiles(string message) =>
        BuildFaults.Sort(message, lacksHeredocs: false).ShouldBeOfType<EngineUnavailableException>();

    [Theory]
    [InlineData("write /var/lib/docker/tmp/x: no space left on device", false)]
    [InlineData("failed to solve: failed to copy files: copy file range failed: no space left on device", false)]
    [InlineData("process \"/bin/sh -c make\" did not complete successfully: exit code: 1", true)]
    [InlineData("The command '/bin/sh -c make' returned a non-zero code: 1", true)]
    public void A_Full_Disk_Is_Known_By_The_Builders_Words_And_By_A_Failed_Steps(string message, bool stepFoundNoSpace) =>
        BuildFaults.Sort(message, lacksHeredocs: false, stepFoundNoSpace).ShouldBeOfType<EngineFullException>();

    [Fact]
    public void A_Step_That_Only_Quotes_A_Full_Disk_Is_The_Users()
    {
        BuildFaults.Sort("executor failed running [/bin/sh -c echo no space left on device; false]: exit code: 1", lacksHeredocs: false)
            .ShouldBeOfType<BuildFailedException>();
        BuildFaults.Sort("dockerfile parse error line 6: unknown instruction: APT", lacksHeredocs: false, stepFoundNoSpace: true)
            .ShouldBeOfType<BuildFailedException>();
    }

    [Fact]
    public void Only_The_Last_Lines_Of_A_Log_Tell_Of_A_Full_Disk()
    {
        var log = new NoSpace(new Silent());
        log.WriteLine("#5 0.2 dd: error writing '/big': No space left on device");
        log.WasSaid.ShouldBeTrue();
        for (var line = 0; line < 40; line++)
        {
            log.WriteLine($"#5 0.3 {line}");
        }

        log.WasSaid.ShouldBeFalse();
    }

    [Fact]
    public void Known_Cures_Are_Told_And_Only_Where_They_Fit()
    {
        const string Typo = "dockerfile parse error line 6: unknown instruction: APT";
        BuildFaults.Sort(Typo, lacksHeredocs: true).Message.ShouldContain("heredoc");
        BuildFaults.Sort(Typo, lacksHeredocs: false).Message.ShouldBe(Typo);
        BuildFaults.Sort("pulling from host r failed with status code [manifests 1]: 401 Unauthorized", lacksHeredocs: false).Message.ShouldContain("Pull");
    }

    [Fact]
    public void Headers_Are_Padded_Url_Safe_Base64_And_Name_Docker_Hub_As_The_Engine_Does()
    {
        var odd = new RegistryCredential("docker.io", "bob", new Secret("???>>>~~~ÿÿ"));
        var value = RegistryHeaders.Config([odd, Bob, Bob with { Host = "REGISTRY.example", Username = "eve" }]).Value;
        value.ShouldNotContain('+');
        value.ShouldNotContain('/');
        (value.Length % 4).ShouldBe(0);
        var json = JsonDocument.Parse(Convert.FromBase64String(value.Replace('-', '+').Replace('_', '/'))).RootElement;
        json.GetProperty("https://index.docker.io/v1/").GetProperty("password").GetString().ShouldBe("???>>>~~~ÿÿ");
        json.GetProperty("registry.example").GetProperty("username").GetString().ShouldBe("bob");
        RegistryHeaders.Auth(null).Value.ShouldBe("e30=");
        RegistryHeaders.HostOf("registry-1.docker.io").ShouldBe("docker.io");
        RegistryHeaders.HostOf("https://index.docker.io/v1/").ShouldBe("docker.io");
    }

    private sealed class Silent : IBuildLog
    {
        public void WriteLine(string line)
        {
        }
    }
}
