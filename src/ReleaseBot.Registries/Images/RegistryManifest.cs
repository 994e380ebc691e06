using System.Text.Json;
using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>An image manifest or an index, byte for byte as a registry holds it, and what it points to.</summary>
public sealed class RegistryManifest : IEquatable<RegistryManifest>
{
    private RegistryManifest(ReadOnlyMemory<byte> bytes, string mediaType)
    {
        Bytes = bytes;
        MediaType = mediaType;
        Digest = Digest.Of(bytes.Span);
    }

    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>One of <see cref="MediaTypes"/>.</summary>
    public string MediaType { get; }

    public Digest Digest { get; }

    public bool IsIndex => MediaTypes.IsIndex(MediaType);

    /// <summary>The config's digest, which the engine calls the image id; null for an index.</summary>
    public Digest? ConfigDigest { get; private init; }

    /// <summary>The config and the layers, each once; empty for an index.</summary>
    public IReadOnlyList<Descriptor> Blobs { get; private init; } = [];

    /// <summary>The manifests of an index, each once; empty for an image.</summary>
    public IReadOnlyList<Descriptor> Children { get; private init; } = [];

    /// <summary>Reads a manifest.</summary>
    /// <param name="mediaType">The answer's Content-Type; where it says nothing, the manifest's own mediaType counts.</param>
    /// <exception cref="FormatException">It is not one of the four kinds, or lacks what its kind must have.</exception>
    public static RegistryManifest Parse(ReadOnlyMemory<byte> bytes, string? mediaType)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement;
            var type = TypeOf(root, mediaType);
            if (MediaTypes.IsIndex(type))
            {
                return new RegistryManifest(bytes, type) { Children = Distinct(Property(root, "manifests", JsonValueKind.Array).EnumerateArray().Select(Read)) };
            }

            var config = Read(Property(root, "config", JsonValueKind.Object));
            var layers = Property(root, "layers", JsonValueKind.Array).EnumerateArray().Select(Read);
            return new RegistryManifest(bytes, type) { ConfigDigest = config.Digest, Blobs = Distinct(layers.Prepend(config)) };
        }
        catch (JsonException exception)
        {
            throw new FormatException("it is not JSON", exception);
        }
    }

    public bool Equals(RegistryManifest? other) => other is not null && Digest == other.Digest && MediaType == other.MediaType;

    public override bool Equals(object? obj) => Equals(obj as RegistryManifest);

    public override int GetHashCode() => HashCode.Combine(Digest, MediaType);

    public override string ToString() => $"{MediaType} {Digest}";

    private static string TypeOf(JsonElement root, string? answered)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("it is not a JSON object");
        }

        var own = root.TryGetProperty("mediaType", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        var type = answered is null or "application/json" or "application/octet-stream" or "text/plain" ? own : answered;
        return type is not null && MediaTypes.Manifests.Contains(type, StringComparer.Ordinal)
            ? type
            : throw new FormatException($"manifests of the type {type ?? "(none)"} are not supported");
    }

    private static JsonElement Property(JsonElement parent, string name, JsonValueKind kind) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == kind ? value : throw new FormatException($"it has no {name}");

    private static Descriptor Read(JsonElement descriptor)
    {
        if (descriptor.ValueKind != JsonValueKind.Object
            || !Digest.TryParse(Property(descriptor, "digest", JsonValueKind.String).GetString(), out var digest)
            || !Property(descriptor, "size", JsonValueKind.Number).TryGetInt64(out var size) || size < 0)
        {
            throw new FormatException("a descriptor in it has no sha256 digest or no size");
        }

        var type = descriptor.TryGetProperty("mediaType", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        return new Descriptor(digest, size, type);
    }

    private static List<Descriptor> Distinct(IEnumerable<Descriptor> descriptors) => [.. descriptors.DistinctBy(descriptor => descriptor.Digest)];
}
