using ReleaseBot.Core;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>What is the same for everybody who moves a tag: how its lock is waited for, and how a manifest is put under it.</summary>
internal static class TagLock
{
    /// <summary>A move that takes longer is given up, so that it can't outlive the lock.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    /// <summary>A straggler has one put on its way.</summary>
    private const int Puts = 3;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <returns>False where another holds the tag for longer than we wait.</returns>
    public static async Task<bool> WaitAsync(Func<CancellationToken, Task<bool>> tryLock, TimeProvider time, CancellationToken cancellationToken)
    {
        var until = time.GetUtcNow() + LongestWait;
        while (!await tryLock(cancellationToken))
        {
            if (time.GetUtcNow() > until)
            {
                return false;
            }

            await Task.Delay(Poll, time, cancellationToken);
        }

        return true;
    }

    /// <summary>Puts a manifest under a tag, byte for byte, and reads it back. What a straggler puts in between is put right.</summary>
    /// <param name="open">Writes down that a put begins, before each of them: whoever slept before the read-back may be the straggler itself, and is told so.</param>
    public static async Task PutAsync(
        RegistryClient client, ImageRef image, RegistryManifest manifest, Func<CancellationToken, Task> open, CancellationToken cancellationToken)
    {
        Digest? seen = null;
        for (var put = 0; put < Puts && seen != manifest.Digest; put++)
        {
            await open(cancellationToken);
            await client.PutManifestAsync(image.Repository.Name, image.Tag, manifest, cancellationToken);
            seen = await client.HeadManifestAsync(image.Repository.Name, image.Tag, cancellationToken);
        }

        if (seen != manifest.Digest)
        {
            throw new RegistryException(RegistryFault.Corrupt, $"{image} was put as {manifest.Digest.Short}, but the registry answers {seen?.Short ?? "nothing"} for it.");
        }
    }
}
