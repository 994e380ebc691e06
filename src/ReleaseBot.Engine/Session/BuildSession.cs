using System.Security.Cryptography;
using ReleaseBot.Core;
using ReleaseBot.Engine.Connection;

namespace ReleaseBot.Engine.Session;

/// <summary>What one build may ask us for while it runs.</summary>
internal sealed class BuildSession(IReadOnlyList<RegistryCredential> credentials, IReadOnlyDictionary<string, Secret> secrets)
{
    private readonly Dictionary<string, RegistryCredential> _credentials =
        RegistryHeaders.ByHost(credentials);

    /// <summary>Not to be guessed: another client of the engine could name it in a build of its own.</summary>
    public string Id { get; } = RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>For a build that asks for its context file by file; null for one whose context is sent.</summary>
    public SyncedContext? Context { get; set; }

    public RegistryCredential? CredentialFor(string host) => _credentials.GetValueOrDefault(RegistryHeaders.HostOf(host));

    public Secret? SecretNamed(string id) => secrets.GetValueOrDefault(id);
}
