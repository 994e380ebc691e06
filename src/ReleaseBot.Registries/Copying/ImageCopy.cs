using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>
/// Copies an image between registries, or between repositories of one, byte for byte. Only what the target lacks travels, streamed and
/// in parallel; the tag appears last. Called again after a failure it goes on where it was.
/// </summary>
public static class ImageCopy
{
    /// <param name="manifest">As read from <paramref name="fromRepository"/>.</param>
    /// <param name="tag">The tag that the image gets in <paramref name="toRepository"/>.</param>
    /// <param name="progress">Told, one line at a time, what became of each blob.</param>
    /// <returns>The digest, as the target confirms it.</returns>
    /// <exception cref="RegistryException">Of either registry; its message says of which.</exception>
    public static async Task<Digest> CopyAsync(
        RegistryClient from, string fromRepository, RegistryManifest manifest, RegistryClient to, string toRepository, string tag,
        Action<string>? progress, CancellationToken cancellationToken)
    {
        var route = new CopyRoute(from, RegistryClient.Checked(fromRepository), to, RegistryClient.Checked(toRepository), progress);
        await CopyContentAsync(route, manifest, from.Limits.IndexDepth, cancellationToken);
        return await to.PutManifestAsync(toRepository, tag, manifest, cancellationToken);
    }

    /// <summary>All that a manifest points to, so that the target will take it.</summary>
    private static async Task CopyContentAsync(CopyRoute route, RegistryManifest manifest, int depth, CancellationToken cancellationToken)
    {
        foreach (var child in manifest.Children)
        {
            await CopyChildAsync(route, child.Digest, depth, cancellationToken);
        }

        var options = new ParallelOptions { MaxDegreeOfParallelism = route.To.Limits.ParallelBlobs, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(manifest.Blobs, options, async (blob, token) => await route.CopyAsync(blob, token));
    }

    private static async Task CopyChildAsync(CopyRoute route, Digest digest, int depth, CancellationToken cancellationToken)
    {
        var child = depth > 0 ? await route.From.GetManifestAsync(route.FromRepository, digest.Value, cancellationToken) : null;
        if (child is null)
        {
            throw route.From.Missing(route.FromRepository, digest);
        }

        await CopyContentAsync(route, child, depth - 1, cancellationToken);
        await route.To.PutManifestAsync(route.ToRepository, digest.Value, child, cancellationToken);
    }
}
