using System.Net;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Engine;

/// <summary>An engine that takes nobody without a certificate of its own authority, as dind does.</summary>
[SupportedOSPlatform("linux")]
public sealed class DockerEngineTlsTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rbt-");
    private readonly int _port = Ports.Free();
    private readonly EngineAuthority _authority = new();
    private DockerDaemon? _daemon;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var server = Path.Combine(_folder.FullName, "server");
        // Its certificate names it localhost and nothing else.
        _authority.Issue(server, "localhost");
        _daemon = await DockerDaemon.StartAsync(new DockerDaemonOptions
        {
            Arguments =
            [
                "-H", $"tcp://127.0.0.1:{_port}", "--tlsverify", "--tlscacert", $"{server}/ca.pem", "--tlscert", $"{server}/cert.pem", "--tlskey", $"{server}/key.pem",
            ],
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_daemon is not null)
        {
            await _daemon.DisposeAsync();
        }

        _authority.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_Build_With_A_Session_Goes_Through_Mutual_Tls()
    {
        await using var engine = To("localhost", Issue(_authority));
        var request = new Repository(Repository.Busybox + "RUN --mount=type=secret,id=a,required=true true\n").Request("tls");
        var image = await engine.BuildAsync(request with { Secrets = new Dictionary<string, Secret> { ["a"] = new("b") } }, new LineLog(), Token);
        (await engine.HasImageAsync(image.ImageId, Token)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_Server_Of_Another_Name_Is_Refused()
    {
        await using var engine = To("127.0.0.1", Issue(_authority));
        var fault = await Should.ThrowAsync<EngineUnavailableException>(() => engine.GetVersionAsync(Token));
        fault.Message.ShouldContain("RemoteCertificateNameMismatch");
    }

    [Fact]
    public async Task Without_The_Right_Certificates_There_Is_No_Answer_But_A_Cure()
    {
        using var other = new EngineAuthority();
        await using var engine = To("localhost", Issue(other));
        (await Should.ThrowAsync<EngineUnavailableException>(() => engine.GetVersionAsync(Token))).Message.ShouldContain("Engine:CertificatePath");
        await using var nothing = To("localhost", Path.Combine(_folder.FullName, "empty"));
        (await Should.ThrowAsync<EngineUnavailableException>(() => nothing.GetVersionAsync(Token))).Message.ShouldContain("ca.pem");
        await using var plain = Engines.To(new Uri($"tcp://localhost:{_port}"));
        (await Should.ThrowAsync<EngineRefusedException>(() => plain.GetVersionAsync(Token))).StatusCode.ShouldBe((int)HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_Fault_Of_The_Certificates_Names_The_File_And_The_Cure()
    {
        using var other = new EngineAuthority();
        (await FaultOfAsync("ca.pem", Issue(other))).ShouldContain("/ca.pem. Put the ca.pem of the engine's own authority there");
        (await FaultOfAsync("ca.pem", null)).ShouldContain("/ca.pem holds no certificate in PEM form. Put ca.pem, cert.pem and key.pem of one client there");
        (await FaultOfAsync("cert.pem", null)).ShouldContain("/cert.pem holds no certificate in PEM form.");
        (await FaultOfAsync("key.pem", null)).ShouldContain("/key.pem holds no key in PEM form, without a password, that fits ");
        (await FaultOfAsync("key.pem", Issue(other))).ShouldContain("/key.pem holds no key in PEM form, without a password, that fits ");

        var stranger = Issue(other);
        File.Copy(Path.Combine(Issue(_authority), "ca.pem"), Path.Combine(stranger, "ca.pem"), overwrite: true);
        await using var engine = To("localhost", stranger);
        var refused = await Should.ThrowAsync<EngineUnavailableException>(() => engine.GetVersionAsync(Token));
        refused.Message.ShouldContain("it refuses " + Path.Combine(stranger, "cert.pem"));
    }

    /// <summary>What is said of good certificates but for one file, which is another client's or, with null, no PEM.</summary>
    private async Task<string> FaultOfAsync(string name, string? from)
    {
        var folder = Issue(_authority);
        await File.WriteAllTextAsync(Path.Combine(folder, name), from is null ? "no PEM" : await File.ReadAllTextAsync(Path.Combine(from, name), Token), Token);
        await using var engine = To("localhost", folder);
        return (await Should.ThrowAsync<EngineUnavailableException>(() => engine.GetVersionAsync(Token))).Message;
    }

    [Fact]
    public async Task Renewed_Certificates_Count_Without_A_Restart()
    {
        using var expired = new EngineAuthority();
        var folder = Issue(expired);
        await using var engine = To("localhost", folder);
        await Should.ThrowAsync<EngineUnavailableException>(() => engine.GetVersionAsync(Token));

        _authority.Issue(folder, "client");

        (await engine.GetVersionAsync(Token)).Os.ShouldBe("linux");
        // Half-way through the next renewal the files do not fit together; what did is still good.
        await File.WriteAllTextAsync(Path.Combine(folder, "key.pem"), "", Token);
        (await engine.GetVersionAsync(Token)).Os.ShouldBe("linux");
    }

    private DockerEngine To(string host, string certificates) => Engines.To(new Uri($"tcp://{host}:{_port}"), certificates: certificates);

    private string Issue(EngineAuthority authority)
    {
        var folder = Path.Combine(_folder.FullName, RandomNumberGenerator.GetHexString(8));
        authority.Issue(folder, "client");
        return folder;
    }
}
