using System.Net.Security;
using System.Security.Authentication;
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

    /// <summary>What is wrong with the certificates and what to do, if that is why a connection failed; else null.</summary>
    public string? Explain(Exception fault)
    {
        for (var cause = fault; cause is not null; cause = cause.InnerException)
        {
            // The runtime names the causes in its message alone, OpenSSL those that the engine names.
            switch (cause)
            {
                case AuthenticationException when cause.Message.Contains(nameof(SslPolicyErrors.RemoteCertificateNameMismatch), StringComparison.Ordinal):
                    return $"its certificate is not made out to {host} (RemoteCertificateNameMismatch). Name the engine in Engine:Endpoint as its certificate does, or issue it one for {host}.";
                case AuthenticationException when cause.Message.Contains(nameof(X509ChainStatusFlags.NotTimeValid), StringComparison.Ordinal):
                    return $"its certificate, or {PathOf("ca.pem")}, is not valid at this time (NotTimeValid). Renew it, or set this machine's clock.";
                case AuthenticationException when cause.Message.Contains("chain", StringComparison.Ordinal):
                    return $"its certificate is not signed by the authority in {PathOf("ca.pem")}. Put the ca.pem of the engine's own authority there (Engine:CertificatePath).";
                case not CryptographicException when cause.Message.Contains(" alert ", StringComparison.Ordinal):
                case CryptographicException when cause.Message.Contains("SSL routines", StringComparison.Ordinal):
                    return $"it refuses {PathOf("cert.pem")}, which has to be signed by the authority that the engine trusts (its --tlscacert), for a client, and be valid at this time. Issue another one (Engine:CertificatePath).";
                case CryptographicException when cause.Data.Contains(nameof(EngineCertificates)):
                    return cause.Message;
            }
        }

        return null;
    }

    private string PathOf(string name) => Path.Combine(folder, name);

    private string Read(string name) => File.ReadAllText(PathOf(name));

    private SslClientAuthenticationOptions Create(string ca, string certificate, string key)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        var chain = new X509Certificate2Collection();
        Import(policy.CustomTrustStore, "ca.pem", ca);
        Import(chain, "cert.pem", certificate);
        return new SslClientAuthenticationOptions
        {
            // The name is checked against this by default; no callback takes that away.
            TargetHost = host,
            CertificateChainPolicy = policy,
            ClientCertificateContext = SslStreamCertificateContext.Create(WithKey(certificate, key), chain, offline: true),
        };
    }

    private void Import(X509Certificate2Collection store, string name, string text)
    {
        try
        {
            store.ImportFromPem(text);
        }
        catch (CryptographicException fault)
        {
            throw Unusable($"{PathOf(name)} holds a certificate that can't be read", fault);
        }

        if (store.Count == 0)
        {
            throw Unusable($"{PathOf(name)} holds no certificate in PEM form", null);
        }
    }

    private X509Certificate2 WithKey(string certificate, string key)
    {
        try
        {
            return X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception fault) when (fault is CryptographicException or ArgumentException)
        {
            throw Unusable($"{PathOf("key.pem")} holds no key in PEM form, without a password, that fits {PathOf("cert.pem")}", fault);
        }
    }

    private static CryptographicException Unusable(string what, Exception? fault)
    {
        CryptographicException unusable = new($"{what}. Put ca.pem, cert.pem and key.pem of one client there (Engine:CertificatePath).", fault);
        // To be told from the system's own, whose words are about no file.
        unusable.Data[nameof(EngineCertificates)] = true;
        return unusable;
    }
}
