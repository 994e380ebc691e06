namespace ReleaseBot.Registries;

/// <summary>What kind of "no" a registry gave: it decides whether trying again can help.</summary>
public enum RegistryFault
{
    /// <summary>401 with a fresh token, 403, no credentials, or a realm that may not have them. Somebody has to change the configuration.</summary>
    Denied,

    /// <summary>Any other 4xx: an immutable tag, an invalid manifest, a quota. The same request will be refused again.</summary>
    Refused,

    /// <summary>Bytes that do not match their digest, or an answer that is not what the protocol says.</summary>
    Corrupt,

    /// <summary>Network, timeout, 408, 429 or 5xx. The same request may well succeed later.</summary>
    Unavailable,
}

/// <summary>
/// A registry did not do what was asked. The message is fit for people: host, repository, what was tried, the status, the registry's
/// own code and message and, where the configuration is at fault, the key to change. It never holds a credential, a token or a query string.
/// </summary>
public sealed class RegistryException(RegistryFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    public RegistryFault Fault => fault;

    /// <summary>Whether the same request may succeed later.</summary>
    public bool IsTransient => Transient.Is(fault);

    /// <summary>How long the registry asks to be left alone, where it says so.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Nothing came within the limit: asking again at once would only wait as long again.</summary>
    internal bool IsSilence { get; init; }

    /// <summary>The HTTP status; null where there was no answer.</summary>
    public int? StatusCode { get; init; }

    /// <summary>The registry's own code, e.g. <c>MANIFEST_INVALID</c>; null where it gave none.</summary>
    public string? ErrorCode { get; init; }
}
