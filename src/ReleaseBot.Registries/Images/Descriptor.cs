using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>A pointer of the OCI image specification: to a config, a layer or, in an index, another manifest.</summary>
/// <param name="Size">In bytes.</param>
public sealed record Descriptor(Digest Digest, long Size, string MediaType)
{
    /// <summary>False for layers that stay where their vendor keeps them.</summary>
    public bool IsDistributable => MediaTypes.IsDistributable(MediaType);
}
