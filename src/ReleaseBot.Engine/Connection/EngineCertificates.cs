using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ReleaseBot.Engine.Connection;

/// <summary>
/// The client's side of mutual TLS: <c>ca.pem</c>, <c>cert.pem</c> and <c>key.pem</c> of one folder, as the docker command lays them out.
/// They are read again for every connection, so that a renewed certificate needs no restart; what did not change is not parsed again.
/// </summary>
internal sealed class EngineCertificates(string folder, string host)
{
    private readonly Lock _lock = new();
    private (string Ca, string Certificate, string Key)? _read;
    private SslClientAuthenticationOptions? _options;

    /// <exception cref="CryptographicException">The files hold no usable certificate or key.</exception>
    public SslClientAuthenticationOptions Load()
    {
        lock (_lock)
        {
            try
            {
                var files = (Read("ca.pem"), Read("cert.pem"), Read("key.pem"));
                if (_options is null || _read != files)
                {
                    _options = Create(files.Item1, files.Item2, files.Item3);
                    _read = files;
                }

                return _options;
            }
            // Three files are not renewed in one step: while they do not fit together, the ones that did still serve.
            catch (Exception fault) when (_options is not null && fault is CryptographicException or IOException or UnauthorizedAccessException)
            {
                return _options;
            }
        }
    }

    private string Read(string name) => File.ReadAllText(Path.Combine(folder, name));

    private SslClientAuthenticationOptions Create(string ca, string certificate, string key)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(ca);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificate);
        return new SslClientAuthenticationOptions
        {
            // The name is checked against this by default; no callback takes that away.
            TargetHost = host,
            CertificateChainPolicy = policy,
            ClientCertificateContext = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(certificate, key), chain, offline: true),
        };
    }
}
