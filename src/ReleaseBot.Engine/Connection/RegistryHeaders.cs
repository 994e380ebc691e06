using System.Text.Json;

namespace ReleaseBot.Engine.Connection;

/// <summary>
/// Credentials as the engine wants them in a header: JSON in padded, URL-safe base64. It ignores what it cannot decode, so the standard alphabet
/// would work or fail with the bytes of the password (moby/moby api/server/router/build/build_routes.go, getAuthConfigs).
/// </summary>
internal static class RegistryHeaders
{
    public const string DockerHub = "docker.io";

    private const string HubAddress = "https://index.docker.io/v1/";

    /// <summary>For one push. The engine demands the header even where there is nothing to say.</summary>
    public static KeyValuePair<string, string> Auth(RegistryCredential? credential) =>
        new("X-Registry-Auth", Encode(credential is null ? new Dictionary<string, string>() : Entry(credential)));

    /// <summary>For every base that the classic builder pulls.</summary>
    public static KeyValuePair<string, string> Config(IEnumerable<RegistryCredential> credentials) =>
        new("X-Registry-Config", Encode(ByHost(credentials).Values.ToDictionary(AddressOf, Entry)));

    /// <summary>The host that credentials are kept under, whichever of Docker Hub's names it was asked for by.</summary>
    public static string HostOf(string asked) => asked switch
    {
        "registry-1.docker.io" or "index.docker.io" or HubAddress => DockerHub,
        _ => asked,
    };

    /// <summary>One registry may be configured twice, with the rights of different users; the first one counts.</summary>
    public static Dictionary<string, RegistryCredential> ByHost(IEnumerable<RegistryCredential> credentials) =>
        credentials.DistinctBy(credential => HostOf(credential.Host), StringComparer.OrdinalIgnoreCase)
            .ToDictionary(credential => HostOf(credential.Host), StringComparer.OrdinalIgnoreCase);

    private static string AddressOf(RegistryCredential credential) => HostOf(credential.Host) == DockerHub ? HubAddress : credential.Host;

    private static Dictionary<string, string> Entry(RegistryCredential credential) => new()
    {
        ["username"] = credential.Username,
        ["password"] = credential.Password.Reveal(),
        ["serveraddress"] = AddressOf(credential),
    };

    private static string Encode<T>(T value) => Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(value)).Replace('+', '-').Replace('/', '_');
}
