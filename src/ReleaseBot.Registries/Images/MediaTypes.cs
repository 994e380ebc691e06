namespace ReleaseBot.Registries;

/// <summary>The media types of manifests that are understood: OCI's and Docker's second schema.</summary>
public static class MediaTypes
{
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";

    /// <summary>All four must be accepted always: a registry converts a manifest to what is accepted, or hides it.</summary>
    internal static IReadOnlyList<string> Manifests { get; } = [OciIndex, DockerManifestList, OciManifest, DockerManifest];

    internal static bool IsIndex(string mediaType) => mediaType is OciIndex or DockerManifestList;

    /// <summary>Layers that must not be pushed: their manifest says where else they come from, such as Windows' base layers.</summary>
    internal static bool IsDistributable(string mediaType) =>
        !mediaType.StartsWith("application/vnd.oci.image.layer.nondistributable.", StringComparison.Ordinal)
        && !mediaType.StartsWith("application/vnd.docker.image.rootfs.foreign.", StringComparison.Ordinal);
}
