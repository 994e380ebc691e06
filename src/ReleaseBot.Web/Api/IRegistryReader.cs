using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>Asks a registry what a tag points to. Only a process that holds the registries' credentials has one.</summary>
public interface IRegistryReader
{
    /// <returns>The digest; null where the registry has no such tag.</returns>
    /// <exception cref="RegistryReadException">The registry is not configured, is away, or refuses.</exception>
    Task<Digest?> DigestAsync(ImageRef image, CancellationToken cancellationToken);
}

/// <summary>Why a registry could not be asked, for people; without credentials.</summary>
public sealed class RegistryReadException(string message, Exception? inner = null) : Exception(message, inner);
