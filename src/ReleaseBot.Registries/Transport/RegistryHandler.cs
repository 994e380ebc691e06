using System.Net;
using System.Security.Cryptography.X509Certificates;
using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>Makes the HTTP stack of one registry: nothing in it follows, decompresses, remembers or authenticates by itself.</summary>
internal static class RegistryHandler
{
    public static SocketsHttpHandler Create(RegistrySettings registry, RegistryLimits limits)
    {
        var address = RegistryAddress.Of(registry);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            PreAuthenticate = false,
            // What goes to loopback in the clear must not take the way round by a proxy.
            UseProxy = !RegistryAddress.IsLoopback(address),
            ConnectTimeout = limits.Connect,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            MaxConnectionsPerServer = 32,
        };
        if (registry.CaFile is { } file)
        {
            handler.SslOptions.CertificateChainPolicy = TrustAlso(file);
        }

        return handler;
    }

    /// <summary>
    /// The file's authorities besides the system's: a registry with a private certificate may keep its blobs at, or take its tokens from,
    /// a host with a public one. The host's name is checked as ever.
    /// </summary>
    private static X509ChainPolicy TrustAlso(string file)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            // As HttpClient does without a policy of its own; the policy's default would ask online.
            RevocationMode = X509RevocationMode.NoCheck,
        };
        using var system = new X509Store(StoreName.Root, StoreLocation.LocalMachine, OpenFlags.ReadOnly);
        policy.CustomTrustStore.AddRange(system.Certificates);
        policy.CustomTrustStore.ImportFromPemFile(file);
        return policy;
    }
}
