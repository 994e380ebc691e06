using System.Net;
using System.Security.Cryptography.X509Certificates;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>The connections to GitLab.</summary>
internal static class GitLabHandler
{
    public static SocketsHttpHandler Create(GitLabSettings settings)
    {
        var handler = new SocketsHttpHandler
        {
            // The client follows redirects itself: this handler would carry the PRIVATE-TOKEN to any host.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            // New connections now and then, so that a changed DNS entry is noticed.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            UseCookies = false,
        };
        if (settings.CaFile is { } caFile)
        {
            handler.SslOptions.CertificateChainPolicy = Trusting(caFile);
        }

        return handler;
    }

    /// <summary>As git's GIT_SSL_CAINFO does, the file takes the place of the system's authorities.</summary>
    private static X509ChainPolicy Trusting(string caFile)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            // A private authority seldom publishes revocation lists, and a policy of our own would ask for them.
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(caFile);
        return policy.CustomTrustStore.Count > 0
            ? policy
            : throw new ArgumentException($"GitLab:CaFile: {caFile} holds no certificate in PEM form.", nameof(caFile));
    }
}
