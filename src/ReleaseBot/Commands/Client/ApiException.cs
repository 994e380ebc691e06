namespace ReleaseBot.Commands.Client;

/// <summary>What the server or the way to it said no with, in words for the person at the terminal.</summary>
internal sealed class ApiException(string message) : Exception(message)
{
    /// <summary>Asking again may help: the network, a timeout, 408, 429, 5xx.</summary>
    public bool IsTransient { get; init; }
}
