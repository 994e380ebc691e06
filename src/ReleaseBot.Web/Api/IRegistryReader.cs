using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>Asks a registry what it holds. Only a process that holds the registries' credentials has one.</summary>
public interface IRegistryReader
{
    /// <returns>The digest; null where the registry has no such tag.</returns>
    /// <exception cref="RegistryReadException">The registry is not configured, is away, or refuses.</exception>
    Task<Digest?> DigestAsync(ImageRef image, CancellationToken cancellationToken);

    /// <param name="known">Digests that say enough by themselves: where the tag is on one of them, its manifest is not fetched, which registries count as a pull.</param>
    /// <returns>
    /// The digest, and of one that is not known the config digest, where the manifest names it; nulls where the registry has no such tag.
    /// </returns>
    /// <exception cref="RegistryReadException">As of <see cref="DigestAsync"/>.</exception>
    Task<(Digest? Digest, string? ImageId)> ImageAsync(ImageRef image, IReadOnlyCollection<Digest> known, CancellationToken cancellationToken);

    /// <returns>All tags of a repository; none where it does not exist.</returns>
    /// <exception cref="RegistryReadException">As of <see cref="DigestAsync"/>.</exception>
    Task<IReadOnlyList<string>> TagsAsync(ImageRepository repository, CancellationToken cancellationToken);
}

/// <summary>Why a registry could not be asked, for people; without credentials.</summary>
public sealed class RegistryReadException(string message, Exception? inner = null) : Exception(message, inner);
