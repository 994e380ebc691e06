using System.Net;
using System.Net.Sockets;

namespace ReleaseBot.Registries;

/// <summary>The one place that says which faults of a registry pass by themselves.</summary>
internal static class Transient
{
    public static bool Is(RegistryFault fault) => fault == RegistryFault.Unavailable;

    /// <summary>Sorts an answer that is not a success.</summary>
    /// <param name="errorCode">The registry's own code: some answer a rate limit with another status than 429.</param>
    public static RegistryFault Sort(HttpStatusCode status, string? errorCode) => ((int)status, errorCode) switch
    {
        (_, "TOOMANYREQUESTS") => RegistryFault.Unavailable,
        (408 or 425 or 429 or >= 500, _) => RegistryFault.Unavailable,
        (401 or 403, _) => RegistryFault.Denied,
        _ => RegistryFault.Refused,
    };

    /// <summary>Whether an exception means that the network or the other side broke off, as against a defect of ours.</summary>
    public static bool IsNetwork(Exception exception) =>
        exception is HttpRequestException or IOException or SocketException or TimeoutException;
}
