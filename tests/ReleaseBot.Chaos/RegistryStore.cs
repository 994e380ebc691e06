using ReleaseBot.Parts;

namespace ReleaseBot.Chaos;

/// <summary>
/// What a registry has on its own disk, where it keeps every digest that a tag ever pointed to
/// (distribution/registry/storage/paths.go: <c>_manifests/tags/NAME/index</c> and <c>/current/link</c>).
/// </summary>
internal sealed class RegistryStore(DockerRegistry registry)
{
    private const int DigestLength = 71; // sha256: and 64 digits

    /// <summary>Null where there is no such tag, or where it is just being written.</summary>
    public string? Current(string repository, string tag)
    {
        try
        {
            // The registry writes the file in place, so it may be seen before all of it is there.
            var digest = File.ReadAllText(Path.Combine(TagFolder(repository, tag), "current", "link"));
            return digest.Length == DigestLength ? digest : null;
        }
        catch (IOException)
        {
            // There is none, or it is just being written.
            return null;
        }
    }

    /// <summary>All that the tag ever pointed to.</summary>
    public IReadOnlyList<string> Ever(string repository, string tag)
    {
        var index = Path.Combine(TagFolder(repository, tag), "index", "sha256");
        return Directory.Exists(index) ? [.. Directory.EnumerateDirectories(index).Select(path => "sha256:" + Path.GetFileName(path))] : [];
    }

    public IReadOnlyList<string> Tags(string repository)
    {
        var tags = Path.Combine(RepositoryFolder(repository), "_manifests", "tags");
        return Directory.Exists(tags) ? [.. Directory.EnumerateDirectories(tags).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)] : [];
    }

    private string TagFolder(string repository, string tag) => Path.Combine(RepositoryFolder(repository), "_manifests", "tags", tag);

    private string RepositoryFolder(string repository) => Path.Combine(registry.DataDirectory, "docker", "registry", "v2", "repositories", repository);
}
