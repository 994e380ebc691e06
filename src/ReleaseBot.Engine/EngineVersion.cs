namespace ReleaseBot.Engine;

/// <summary>What an engine says of itself.</summary>
/// <param name="Version">The release, e.g. <c>26.1.5</c>.</param>
/// <param name="ApiVersion">The newest API it speaks, e.g. <c>1.45</c>.</param>
/// <param name="Os">As Go names it, e.g. <c>linux</c>.</param>
/// <param name="Architecture">As Go names it, e.g. <c>amd64</c>.</param>
public sealed record EngineVersion(string Version, string ApiVersion, string Os, string Architecture)
{
    /// <summary>The platform it builds for by itself, e.g. <c>linux/amd64</c>.</summary>
    public string Platform => $"{Os}/{Architecture}";
}
