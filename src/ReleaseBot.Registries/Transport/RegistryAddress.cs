using System.Net;
using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>Where a registry is reached, and which addresses are the same party.</summary>
internal static class RegistryAddress
{
    public static readonly Uri DockerHubRealm = new("https://auth.docker.io/token");

    /// <summary>The root of the registry's API, e.g. <c>https://registry.example:5000/</c>. Docker Hub's name is not its address.</summary>
    public static Uri Of(RegistrySettings registry)
    {
        var host = IsDockerHub(registry) ? "registry-1.docker.io" : registry.Host;
        return new Uri($"{(registry.Insecure ? Uri.UriSchemeHttp : Uri.UriSchemeHttps)}://{host}/");
    }

    public static bool IsDockerHub(RegistrySettings registry) =>
        !registry.Insecure && registry.Host.ToLowerInvariant() is "docker.io" or "index.docker.io" or "registry-1.docker.io";

    public static bool IsLoopback(Uri address) =>
        string.Equals(address.IdnHost, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(address.IdnHost, out var ip) && IPAddress.IsLoopback(ip));

    /// <summary>Whether what is sent there can't be read on the way.</summary>
    public static bool IsPrivate(Uri address) =>
        address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && IsLoopback(address));

    /// <summary>Scheme, host and port, as RFC 6454 compares them.</summary>
    public static bool IsSameOrigin(Uri left, Uri right) => left.Scheme == right.Scheme && left.Port == right.Port && IsSameHost(left, right);

    public static bool IsSameHost(Uri left, Uri right) => string.Equals(left.IdnHost, right.IdnHost, StringComparison.OrdinalIgnoreCase);
}
