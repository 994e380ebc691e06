using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ReleaseBot.StandIns.Registry;

/// <summary>A certificate authority of one's own and one server certificate of it, as PEM files in a folder.</summary>
public sealed class PrivateAuthority
{
    private static readonly TimeSpan Validity = TimeSpan.FromDays(7);

    private PrivateAuthority(string directory)
    {
        CaFile = Path.Combine(directory, "ca.pem");
        CertificateFile = Path.Combine(directory, "cert.pem");
        KeyFile = Path.Combine(directory, "key.pem");
    }

    public string CaFile { get; }

    public string CertificateFile { get; }

    public string KeyFile { get; }

    /// <summary>Writes ca.pem, cert.pem and key.pem; the certificate is for 127.0.0.1 and the names given.</summary>
    public static PrivateAuthority Create(string directory, TimeProvider time, params IReadOnlyList<string> names)
    {
        Directory.CreateDirectory(directory);
        var files = new PrivateAuthority(directory);
        var (from, until) = (time.GetUtcNow().AddHours(-1), time.GetUtcNow().Add(Validity));
        using var caKey = RSA.Create(2048);
        var caRequest = new CertificateRequest("CN=Test authority", caKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        caRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        caRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature, true));
        caRequest.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(caRequest.PublicKey, false));
        using var ca = caRequest.CreateSelfSigned(from, until);

        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=Test server", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var san = new SubjectAlternativeNameBuilder();
        san.AddIpAddress(IPAddress.Loopback);
        foreach (var name in names)
        {
            san.AddDnsName(name);
        }

        request.CertificateExtensions.Add(san.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using var certificate = request.Create(ca, from, until, RandomNumberGenerator.GetBytes(8));

        File.WriteAllText(files.CaFile, ca.ExportCertificatePem());
        File.WriteAllText(files.CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(files.KeyFile, key.ExportPkcs8PrivateKeyPem());
        return files;
    }
}
