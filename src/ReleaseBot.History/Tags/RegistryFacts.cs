using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What a registry answered for a tag just now.</summary>
/// <param name="Digest">Null where it has no such tag.</param>
/// <param name="ImageId">The config digest, where it was asked for and the manifest names one.</param>
public sealed record RegistryAnswer(DateTimeOffset At, Digest? Digest, string? ImageId);

/// <summary>What registries say now of the names of a plan. What is not in it was not asked, or not answered.</summary>
/// <param name="Listed">All tags of a repository.</param>
public sealed record RegistryFacts(
    IReadOnlyDictionary<ImageRef, RegistryAnswer> Tags, IReadOnlyDictionary<ImageRepository, IReadOnlyList<string>> Listed)
{
    /// <summary>Nobody was asked.</summary>
    public static RegistryFacts None { get; } = new(new Dictionary<ImageRef, RegistryAnswer>(), new Dictionary<ImageRepository, IReadOnlyList<string>>());
}
