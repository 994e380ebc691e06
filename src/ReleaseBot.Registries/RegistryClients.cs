using Microsoft.Extensions.Logging;
using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>One client for each configured registry, made when first asked for, so that connections and tokens are shared.</summary>
public sealed class RegistryClients : IDisposable
{
    private readonly IReadOnlyDictionary<string, RegistrySettings> _registries;
    private readonly Dictionary<string, Lazy<RegistryClient>> _clients;

    public RegistryClients(IReadOnlyDictionary<string, RegistrySettings> registries, TrustedRealms realms, TimeProvider time, ILoggerFactory loggers)
        : this(registries, registry => new RegistryClient(registry, realms, time, loggers.CreateLogger<RegistryClient>()))
    {
    }

    internal RegistryClients(IReadOnlyDictionary<string, RegistrySettings> registries, Func<RegistrySettings, RegistryClient> connect)
    {
        _registries = registries;
        _clients = registries.ToDictionary(pair => pair.Key, pair => new Lazy<RegistryClient>(() => connect(pair.Value)), StringComparer.Ordinal);
    }

    /// <param name="name">The key in the configuration.</param>
    /// <exception cref="KeyNotFoundException">No registry of that name is configured.</exception>
    public RegistryClient Get(string name) =>
        _clients.TryGetValue(name, out var client) ? client.Value : throw new KeyNotFoundException($"Registries:{name} is not configured.");

    /// <param name="host">As in a reference, e.g. <c>docker.io</c>.</param>
    /// <returns>Null where no registry of that host is configured.</returns>
    public RegistryClient? OfHost(string host) =>
        _registries.FirstOrDefault(pair => pair.Value.Host == host) is { Key: { } name } ? Get(name) : null;

    public void Dispose()
    {
        foreach (var client in _clients.Values.Where(client => client.IsValueCreated))
        {
            client.Value.Dispose();
        }
    }
}
