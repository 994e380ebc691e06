using ReleaseBot.Core;
using ReleaseBot.Engine;

namespace ReleaseBot.Worker;

/// <summary>Credentials for the engine: of the registries that a rule lets a build pull from, and of the one that is pushed to.</summary>
internal sealed class EngineCredentials(IReadOnlyDictionary<string, RegistrySettings> registries)
{
    public IReadOnlyList<RegistryCredential> For(ProjectRule rule) =>
        [.. rule.Pull.Select(name => Of(registries[name])).OfType<RegistryCredential>()];

    public RegistryCredential? Of(string registry) => Of(registries[registry]);

    private static RegistryCredential? Of(RegistrySettings registry) =>
        registry is { Username: { } username, Password: { } password } ? new RegistryCredential(registry.Host, username, password) : null;
}
