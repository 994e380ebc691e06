using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.StandIns.GitLab;
using Shouldly;
using Xunit;
using static ReleaseBot.Integration.GitLab.GitLabFixture;

namespace ReleaseBot.Integration.GitLab;

public sealed class PrivateAuthorityTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("private-authority-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_Private_Authority_Is_Trusted_By_The_Client_And_By_Git_Only_Where_It_Is_Configured()
    {
        using var authority = Authority();
        using var server = Issue(authority);
        var caFile = Path.Combine(_folder.FullName, "ca.pem");
        await File.WriteAllTextAsync(caFile, authority.ExportCertificatePem(), Cancellation);
        await using var gitLab = await GitLabStandIn.StartAsync(
            new GitLabStandInOptions { Url = new Uri("https://127.0.0.1:0"), Certificate = server }, Cancellation);
        var project = await gitLab.AddProjectAsync("acme/shop", 42, Cancellation);
        var settings = new GitLabSettings { Url = gitLab.Url, Token = new Secret(gitLab.Options.Token) };
        var wanted = ObjectId.Parse(new string('e', 40));

        using var trusting = new GitLabClient(settings with { CaFile = caFile }, TimeProvider.System, NullLogger<GitLabClient>.Instance);
        (await trusting.GetProjectAsync(42, Cancellation))!.HttpCloneUrl.Scheme.ShouldBe("https");
        // As far as the server's refusal of a commit that it has not: the connection is trusted and the token accepted.
        (await FetchAsync(settings with { CaFile = caFile })).Fault.ShouldBe(GitLabFault.NotFound);

        using var distrustful = new GitLabClient(settings, TimeProvider.System, NullLogger<GitLabClient>.Instance);
        var error = await Should.ThrowAsync<GitLabException>(() => distrustful.GetProjectAsync(42, Cancellation));
        (error.Fault, error.Message).ShouldSatisfyAllConditions(e => e.Fault.ShouldBe(GitLabFault.Unavailable), e => e.Message.ShouldContain("GitLab:CaFile"));
        (await FetchAsync(settings)).Message.ShouldContain("certificate");

        async Task<GitLabException> FetchAsync(GitLabSettings with)
        {
            var source = new GitSource(with, TimeProvider.System, NullLogger<GitSource>.Instance);
            var directory = Path.Combine(_folder.FullName, Path.GetRandomFileName());
            return await Should.ThrowAsync<GitLabException>(() =>
                source.FetchAsync(project.CloneUrl, wanted, GitRef.Branch("main"), directory, submodules: false, Cancellation));
        }
    }

    [Fact]
    public async Task A_File_Without_A_Certificate_Is_Told_At_Once()
    {
        var caFile = Path.Combine(_folder.FullName, "ca.pem");
        await File.WriteAllTextAsync(caFile, "not a certificate", Cancellation);
        Should.Throw<ArgumentException>(() => new GitLabClient(new GitLabSettings { CaFile = caFile }, TimeProvider.System, NullLogger<GitLabClient>.Instance))
            .Message.ShouldContain("GitLab:CaFile");
    }

    private static X509Certificate2 Authority()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Acme private authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(2));
    }

    private static X509Certificate2 Issue(X509Certificate2 authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        var now = TimeProvider.System.GetUtcNow();
        using var issued = request.Create(authority, now.AddHours(-1), now.AddDays(1), [1, 2, 3]);
        return issued.CopyWithPrivateKey(key);
    }
}
