using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>
/// Decides who may be asked for a bearer token and so be shown a registry's credentials. The address comes out of the registry's challenge
/// (https://distribution.github.io/distribution/spec/auth/token/), that is from whoever answers there: it must not be able to harvest them.
/// </summary>
/// <param name="gitLab">GitLab:Url: GitLab is the token server of its own registry (/jwt/auth).</param>
public sealed class TrustedRealms(Uri gitLab)
{
    /// <summary>
    /// True for https (plain http on loopback only) and an origin that is the registry's own host, GitLab's, Docker Hub's token server
    /// where the registry is Docker Hub, or the registry's configured <see cref="RegistrySettings.TokenRealm"/>.
    /// </summary>
    public bool Trusts(RegistrySettings registry, Uri realm) =>
        realm.IsAbsoluteUri
        && realm.UserInfo.Length == 0
        && RegistryAddress.IsPrivate(realm)
        && (IsRegistryItself(registry, realm)
            || RegistryAddress.IsSameOrigin(realm, gitLab)
            || (RegistryAddress.IsDockerHub(registry) && RegistryAddress.IsSameOrigin(realm, RegistryAddress.DockerHubRealm))
            || (registry.TokenRealm is { } configured && RegistryAddress.IsSameOrigin(realm, configured)));

    // A host that proves its name by certificate is one party on every port. On loopback each port is a party of its own.
    private static bool IsRegistryItself(RegistrySettings registry, Uri realm)
    {
        var own = RegistryAddress.Of(registry);
        return RegistryAddress.IsLoopback(own) ? RegistryAddress.IsSameOrigin(realm, own) : RegistryAddress.IsSameHost(realm, own);
    }
}
